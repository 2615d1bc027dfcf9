import type { Clock } from '../../../system/clock.js';

/** Time that runs faster: both ends of a tunnel have to have the same. */
export function fastClock(real: Clock, speed: number): Clock {
  const start = real.now();
  return {
    now: () => start + (real.now() - start) * speed,
    wallNanos: () => real.wallNanos(),
    schedule: (delay, wake) => real.schedule(delay / speed, wake),
  };
}
