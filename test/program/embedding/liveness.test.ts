/** Whether a process ends by itself, with tunnels that nobody has closed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { Running, run } from '../../netns/support/process.js';
import { describeOnPlanes, LIBRARY } from './programs.js';

const PROGRAM = fileURLToPath(new URL('./programs/liveness.mjs', import.meta.url));
/** Much more than a program needs that ends at all. */
const TIMEOUT = 200_000;

describeOnPlanes('a program with tunnels alone, %s', [], (plane) => {
  const argv = (what: string): string[] => [process.execPath, PROGRAM, LIBRARY, plane, what];

  it.each([
    ['after `unref`', 'unref', /talked: (native.* native|portable portable)\nunref\n$/],
    ['after `unref`, and works while something else keeps it alive', 'other', /\ntalked again\n$/],
    ['after `unref`, with metrics', 'metrics', /\nunref\n$/],
    ['after `unref` and with other sockets than before', 'ports', /\nother ports\n$/],
    ['after `unref`, while what has come is not read yet', 'unread', /\nsent\n$/],
    ['after `close`, which it has waited for in spite of `unref`', 'close', /\nclosed\n$/],
    ['when `connect` fails', 'fail', /^ERR_CONFIG\n$/],
    ['when `connect` is given up half-way', 'abort', /^enough\n$/],
  ])('ends %s', async (_, what, said) => {
    const { code, stdout, stderr, timedOut } = await run(argv(what), { timeoutMs: TIMEOUT });
    expect({ code, timedOut, stderr }).toEqual({ code: 0, timedOut: false, stderr: '' });
    expect(stdout).toMatch(said);
  });

  it.each(['ref', 'again'])('goes on while a tunnel is referenced: %s', async (what) => {
    const running = new Running(argv(what));
    try {
      await running.says(/talked/);
      await sleep(1500);
      expect(running.hasEnded).toBe(false);
    } finally {
      await running.stop('SIGKILL');
    }
  });
});
