import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { forwardClock } from '../../cli/demo/clock.js';

const MINUTE = 60_000;

describe('the clock of the demo', () => {
  it('goes on from where it was put, in both times', () => {
    const clock = forwardClock();
    const [now, wall] = [clock.now(), clock.wallNanos()];
    clock.forward(2 * MINUTE);
    expect(clock.now() - now).toBeGreaterThanOrEqual(2 * MINUTE);
    expect(clock.now() - now).toBeLessThan(3 * MINUTE);
    expect(Number(clock.wallNanos() - wall) / 1e6).toBeGreaterThanOrEqual(2 * MINUTE);
  });

  it('wakes each sleeper that is due by then once, and no other', async () => {
    const clock = forwardClock();
    const woken: string[] = [];
    clock.schedule(MINUTE, () => woken.push('one minute'));
    const later = clock.schedule(5 * MINUTE, () => woken.push('five minutes'));
    clock.schedule(MINUTE, () => woken.push('cancelled')).cancel();
    clock.forward(2 * MINUTE);
    await sleep(20);
    expect(woken).toEqual(['one minute']);
    clock.forward(2 * MINUTE);
    await sleep(20);
    expect(woken).toEqual(['one minute']);
    clock.forward(2 * MINUTE);
    later.cancel();
    await sleep(20);
    expect(woken).toEqual(['one minute']);
  });
});
