/** Tunnels in worker_threads, which end in every way that there is. */
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { run } from '../netns/support/process.js';
import { describeOnPlanes, LIBRARY } from '../program/embedding/programs.js';

const PROGRAM = fileURLToPath(
  new URL('../program/embedding/programs/workers.mjs', import.meta.url),
);
const TIMEOUT = 240_000;

describeOnPlanes('tunnels in a worker, %s (Linux)', ['linux'], (plane) => {
  it.each([
    ['are closed', 'close'],
    ['are unreferenced, so that it ends by itself', 'unref'],
    ['are left when it calls process.exit', 'exit'],
    ['are left when it is terminated', 'terminate'],
    ['are left when it is terminated in the midst of traffic', 'busy'],
    ['are some of several workers and of the main thread', 'together'],
  ])('move packets and leave nothing when they %s', { timeout: TIMEOUT }, async (_, what) => {
    const argv = [process.execPath, PROGRAM, LIBRARY, plane, what];
    const { code, stdout, stderr } = await run(argv, { timeoutMs: TIMEOUT - 5000 });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { said, before, after, warnings } = JSON.parse(stdout);
    expect(new Set(said)).toEqual(new Set([`200 packets, ${plane}`]));
    expect(warnings).toEqual([]);
    expect(after).toEqual(before);
  });
});
