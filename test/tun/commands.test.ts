import { describe, expect, it } from 'vitest';
import { realSystem } from '../../system/commands.js';

function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

describe('a program that is run', () => {
  it('has a status and an output', async () => {
    const argv = ['sh', '-c', 'cat; echo oh >&2; exit 3'];
    const result = await realSystem.run({ argv, stdin: 'in' });
    expect(result).toEqual({ status: 3, stdout: 'in', stderr: 'oh\n' });
  });

  it.each([
    ['is there', 'true', 0],
    ['is missing', 'wg-ts-has-no-such-program', 127],
  ])(
    'leaves no timer behind that would keep the process alive when it %s',
    async (_, name, code) => {
      const before = timers();
      expect((await realSystem.run({ argv: [name] })).status).toBe(code);
      expect(timers()).toBeLessThanOrEqual(before);
    },
  );
});
