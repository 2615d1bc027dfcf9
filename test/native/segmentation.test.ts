import { describe, expect, it } from 'vitest';
import { librarySources, runTestProgram, whyNoTestLibrary } from './testlibrary.js';

const here = whyNoTestLibrary === undefined ? describe : describe.skip;

here(`segmentation offload${whyNoTestLibrary ? ` (skipped: ${whyNoTestLibrary})` : ''}`, () => {
  it('is left out where the kernel does not know UDP_SEGMENT', () => {
    const { status, stderr } = runTestProgram('segmentation', {
      files: ['test/native/segmentation_program.c', ...librarySources()],
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});
