/** The order of roaming and delivery within the library, seen from the call that writes to the interface. */
import { describe, expect, it } from 'vitest';
import { librarySources, runTestProgram, whyNoTestLibrary } from './testlibrary.js';

const here = whyNoTestLibrary === undefined ? describe : describe.skip;

here(
  `roaming in the native library${whyNoTestLibrary ? ` (skipped: ${whyNoTestLibrary})` : ''}`,
  () => {
    it('follows the peer before its first packet from a new address reaches the system', () => {
      const { status, stderr } = runTestProgram('roam', {
        files: ['test/native/roam_program.c', ...librarySources()],
        flags: ['-DWG_TS_NULL_CIPHER'],
      });
      expect(stderr).toContain('600 packets, 0 of them');
      expect(status).toBe(0);
    });
  },
);
