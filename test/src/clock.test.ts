import { uptime } from 'node:os';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../system/clock.js';
import { nextTurn } from './support.js';

const clock = systemClock();

describe('systemClock', () => {
  it('never goes backwards, and does go on', () => {
    let last = clock.now();
    const first = last;
    for (let i = 0; i < 20_000; i++) {
      const now = clock.now();
      expect(now).toBeGreaterThanOrEqual(last);
      last = now;
    }
    expect(last).toBeGreaterThan(first);
  });

  it('is the same clock for all', () => {
    const before = clock.now();
    const other = systemClock().now();
    expect(other).toBeGreaterThanOrEqual(before);
    expect(other).toBeLessThanOrEqual(clock.now());
  });

  it.runIf(process.platform === 'linux')('counts from boot, sleep included (Linux)', () => {
    const tick = 0.02;
    const before = uptime() - tick;
    const now = clock.now() / 1000;
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(uptime() + tick);
  });

  it('gives Unix time in nanoseconds', () => {
    const before = BigInt(Date.now());
    const now = clock.wallNanos();
    expect(now).toBeGreaterThanOrEqual(before * 1_000_000n);
    expect(now).toBeLessThanOrEqual(BigInt(Date.now()) * 1_000_000n);
  });

  it('schedules a delay of 0 after the current turn', async () => {
    const order: string[] = [];
    clock.schedule(0, () => order.push('scheduled'));
    queueMicrotask(() => order.push('microtask'));
    process.nextTick(() => order.push('tick'));
    order.push('now');
    await nextTurn();
    expect(order).toEqual(['now', 'microtask', 'tick', 'scheduled']);
  });

  it('wakes once, not before the delay', async () => {
    const start = performance.now();
    const woken: number[] = [];
    await new Promise<void>((resolve) => {
      clock.schedule(20.5, () => {
        woken.push(performance.now() - start);
        resolve();
      });
    });
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(woken).toHaveLength(1);
    // Node counts whole milliseconds from the begin of the turn.
    expect(woken[0]).toBeGreaterThan(18);
  });

  it.each([0, 5])('does not wake after cancel (delay %i)', async (delay) => {
    let woken = false;
    const timer = clock.schedule(delay, () => {
      woken = true;
    });
    timer.cancel();
    timer.cancel();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(woken).toBe(false);
  });
});
