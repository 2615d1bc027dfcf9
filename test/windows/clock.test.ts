import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { systemClock } from '../../system/clock.js';
import { windowsBootMillis } from '../../system/windows/boottime.js';

it('the clock is that of the system, and counts milliseconds', async () => {
  const now = windowsBootMillis();
  if (!now) throw new Error('no clock');
  const [before, other] = [now(), performance.now()];
  await sleep(300);
  const [after, otherAfter] = [now(), performance.now()];
  expect(Math.abs(after - before - (otherAfter - other))).toBeLessThan(40);
  expect(Math.abs(systemClock().now() - now())).toBeLessThan(1000);
});
