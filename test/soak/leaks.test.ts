/** What a program holds that connects and closes again and again. */
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { run } from '../netns/support/process.js';
import { describeOnPlanes, LIBRARY } from '../program/embedding/programs.js';

const PROGRAM = fileURLToPath(new URL('../program/embedding/programs/leaks.mjs', import.meta.url));
const TIMEOUT = 240_000;
/** What V8 compiles meanwhile, and less than half of what a leak of 10 KB a round would be. */
const COMPILED = 300_000;
const OF_A_ROUND = 4000;

/** Memory that was freed and not given back to the system, at the most. */
const FRAGMENTS = 100e6;

describeOnPlanes('a program with one tunnel after the other, %s', ['linux'], (plane) => {
  it.each([
    ['that it closes', 'close', 1000],
    ['that fail to come up', 'fail', 100],
    ['that it gives up half-way', 'abort', 100],
  ])('holds no more in the end, with tunnels %s', { timeout: TIMEOUT }, async (_, kind, rounds) => {
    const argv = ['--expose-gc', PROGRAM, LIBRARY, plane, kind, String(rounds)];
    const result = await run([process.execPath, ...argv], { timeoutMs: TIMEOUT - 5000 });
    expect(result).toMatchObject({ code: 0, stderr: '' });
    const { before, after, warnings } = JSON.parse(result.stdout);
    expect(warnings).toEqual([]);
    const { descriptors, threads, resources } = before;
    expect(after).toMatchObject({ descriptors, threads, resources });
    expect(after.rss - before.rss).toBeLessThan(FRAGMENTS);
    expect(after.bytes - before.bytes).toBeLessThan(COMPILED + rounds * OF_A_ROUND);
  });
});
