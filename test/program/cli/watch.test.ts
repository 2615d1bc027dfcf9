import { describe, expect, it } from 'vitest';
import { isRoot, wgTs } from '../support.js';

describe('wg-ts watch', () => {
  it.each(['0', '0.01', '-1', 'x', '1e3', '3601', ''])(
    'refuses an interval of %j',
    async (seconds) => {
      const { code, stderr } = await wgTs(['watch', `--interval=${seconds}`]);
      expect(stderr).toContain('0.1 to 3600 seconds');
      expect(code).toBe(2);
    },
  );

  it('refuses what cannot be a name', async () => {
    expect(await wgTs(['watch', '../etc'])).toMatchObject({ code: 2, stdout: '' });
  });

  it.runIf(isRoot())('knows what is not up, instead of waiting for it', async () => {
    const { code, stderr } = await wgTs(['watch', 'wgts-nobody']);
    expect(stderr).toBe(
      'error: wgts-nobody is not up\nhint: wg-ts show interfaces lists what is up; wg-ts watch waits for any interface\n',
    );
    expect(code).toBe(1);
  });

  it.runIf(isRoot())('needs root', async () => {
    expect(await wgTs(['watch'], { asNobody: true })).toMatchObject({ code: 3, stdout: '' });
  });
});
