import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REJECT_AFTER_MESSAGES } from '../../protocol/constants.js';
import { ReplayWindow } from '../../protocol/replay.js';

const WINDOW = 8128n;
const LIMIT = 2n ** 64n - 2n ** 13n - 1n;

/** All counters ever accepted, and the greatest. */
class SlowWindow {
  readonly #seen: Set<bigint> = new Set();
  #greatest = 0n;

  accept(counter: bigint): boolean {
    if (counter >= LIMIT || counter < this.#greatest - WINDOW || this.#seen.has(counter))
      return false;
    this.#seen.add(counter);
    if (counter > this.#greatest) this.#greatest = counter;
    return true;
  }
}

type Line = readonly [counter: bigint, accepted: boolean];

const tables: Record<string, readonly Line[]> = {
  'starts empty at zero': [
    [0n, true],
    [0n, false],
    [1n, true],
    [0n, false],
    [1n, false],
  ],
  'takes each counter once in any order': [
    [4n, true],
    [2n, true],
    [3n, true],
    [2n, false],
    [0n, true],
    [5n, true],
    [4n, false],
    [1n, true],
    [1n, false],
    [5n, false],
  ],
  'keeps exactly the window': [
    [20_000n, true],
    [20_000n - WINDOW, true],
    [20_000n - WINDOW, false],
    [20_000n - WINDOW - 1n, false],
    [20_000n - WINDOW + 1n, true],
    [20_001n, true],
    [20_001n - WINDOW, false],
    [20_002n, true],
    [20_002n - WINDOW, true],
  ],
  'lets the start slide out of the window': [
    [WINDOW, true],
    [0n, true],
    [WINDOW + 2n, true],
    [1n, false],
    [2n, true],
  ],
  'clears the words that it enters step by step': [
    [0n, true],
    [1n, true],
    [31n, true],
    [32n, true],
    [8_191n, true],
    [8_192n, true],
    [8_224n, true],
    [8_193n, true],
    [8_223n, true],
    [8_192n, false],
    [8_224n, false],
  ],
  'clears the words that a jump passes over': [
    [40n, true],
    [64n, true],
    [100n, true],
    [8_190n, true],
    [8_330n, true],
    [8_232n, true],
    [8_256n, true],
    [8_292n, true],
    [8_190n, false],
    [202n, true],
    [201n, false],
  ],
  'forgets everything on a jump beyond the bitmap': [
    [100n, true],
    [100n + 8_192n, true],
    [100n + 8_192n - 1n, true],
    [100n + 3n * 8_192n, true],
    [100n + 3n * 8_192n - 8_128n, true],
    [100n + 3n * 8_192n - 8_129n, false],
    [100n + 2n ** 40n, true],
    [99n + 2n ** 40n, true],
    [100n + 2n ** 40n, false],
    [100n, false],
  ],
  'crosses 2^32': [
    [2n ** 32n - 1n, true],
    [2n ** 32n, true],
    [2n ** 32n - 2n, true],
    [2n ** 32n + 8_126n, true],
    [2n ** 32n - 2n, false],
    [2n ** 32n - 3n, false],
    [2n ** 32n + 1n, true],
    [1n, false],
  ],
  'tells neighbours above 2^53 apart': [
    [2n ** 53n, true],
    [2n ** 53n + 1n, true],
    [2n ** 53n + 3n, true],
    [2n ** 53n + 2n, true],
    [2n ** 53n + 1n, false],
    [2n ** 53n - 1n, true],
    [2n ** 53n + 3n - WINDOW, true],
    [2n ** 53n + 2n - WINDOW, false],
  ],
  'refuses counters from REJECT_AFTER_MESSAGES on': [
    [2n ** 64n - 1n, false],
    [LIMIT, false],
    [LIMIT + 1n, false],
    [LIMIT - 1n, true],
    [LIMIT - 1n, false],
    [LIMIT - 2n, true],
    [LIMIT - 1n - WINDOW, true],
    [LIMIT - 2n - WINDOW, false],
    [2n ** 64n - 2n, false],
    [0n, false],
  ],
};

describe('ReplayWindow', () => {
  it('has the limit of the protocol', () => {
    expect(REJECT_AFTER_MESSAGES).toBe(LIMIT);
  });

  for (const [name, lines] of Object.entries(tables)) {
    it(name, () => {
      const window = new ReplayWindow();
      for (const [i, [counter, accepted]] of lines.entries()) {
        expect(window.isFresh(counter), `isFresh, line ${i}`).toBe(accepted);
        expect(window.accept(counter), `accept, line ${i}`).toBe(accepted);
      }
    });
  }

  it('accepts a whole window in reverse order', () => {
    const window = new ReplayWindow();
    const refused: bigint[] = [];
    for (let i = WINDOW; i >= 0n; i--) if (!window.accept(i)) refused.push(i);
    for (let i = 0n; i <= WINDOW; i++) if (window.accept(i)) refused.push(-i);
    expect(refused).toEqual([]);
  });

  it('is as good as new after reset', () => {
    const window = new ReplayWindow();
    for (const counter of [0n, 1n, 9_000n, 2n ** 60n]) window.accept(counter);
    window.reset();
    for (const counter of [0n, 1n, 9_000n, 2n ** 60n])
      expect(window.accept(counter), String(counter)).toBe(true);
  });

  it('is not changed by isFresh', () => {
    const window = new ReplayWindow();
    expect(window.isFresh(2n ** 50n)).toBe(true);
    expect(window.isFresh(7n)).toBe(true);
    expect(window.accept(7n)).toBe(true);
  });

  it('agrees with a set of all counters seen', () => {
    const base = fc.constantFrom(0n, 2n ** 32n - 9_000n, 2n ** 53n - 100n, LIMIT - 20_000n);
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: -40, max: 40 }) },
      { weight: 3, arbitrary: fc.integer({ min: -8_200, max: 8_200 }) },
      { weight: 2, arbitrary: fc.constantFrom(-8_129, -8_128, -8_127, 8_128, 8_191, 8_192, 8_193) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 30_000 }) },
    );
    const steps = fc.array(step, { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(base, steps, (start, moves) => {
        const window = new ReplayWindow();
        const slow = new SlowWindow();
        let greatest = start;
        for (const move of moves) {
          const counter = greatest + BigInt(move);
          if (counter !== BigInt.asUintN(64, counter)) continue;
          const expected = slow.accept(counter);
          expect(window.isFresh(counter)).toBe(expected);
          expect(window.accept(counter)).toBe(expected);
          if (expected && counter > greatest) greatest = counter;
        }
      }),
      { numRuns: 150 },
    );
  });

  it('agrees with it on runs of counters a bitmap apart, too', () => {
    const move = fc.record({
      jump: fc.oneof(fc.integer({ min: 8_000, max: 8_400 }), fc.integer({ min: -200, max: 200 })),
      run: fc.integer({ min: 1, max: 150 }),
      isDescending: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(move, { minLength: 2, maxLength: 8 }), (moves) => {
        const window = new ReplayWindow();
        const slow = new SlowWindow();
        let start = 1_000;
        for (const { jump, run, isDescending } of moves) {
          start += jump;
          for (let i = 0; i < run; i++) {
            const counter = BigInt(Math.max(0, start + (isDescending ? -i : i)));
            if (window.accept(counter) !== slow.accept(counter)) expect.fail(`at ${counter}`);
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});
