import { type Clock, systemClock } from '../../src/index.js';

/** The system's clock, which can be advanced. */
export interface ForwardClock extends Clock {
  /** Advances the clock by whole milliseconds. Timers that are due by then fire at once. */
  forward(milliseconds: number): void;
}

export function forwardClock(): ForwardClock {
  const system = systemClock();
  let ahead = 0;
  const sleepers = new Set<{ hurry(): void }>();
  const now = (): number => system.now() + ahead;
  return {
    now,
    wallNanos: () => system.wallNanos() + BigInt(ahead) * 1_000_000n,
    schedule(delay, wake) {
      const dueAt = now() + delay;
      const woken = (): void => {
        sleepers.delete(sleeper);
        wake();
      };
      let timer = system.schedule(delay, woken);
      const sleeper = {
        hurry: (): void => {
          timer.cancel();
          timer = system.schedule(Math.max(0, dueAt - now()), woken);
        },
      };
      sleepers.add(sleeper);
      return {
        cancel: (): void => {
          sleepers.delete(sleeper);
          timer.cancel();
        },
      };
    },
    forward(milliseconds) {
      ahead += milliseconds;
      for (const sleeper of sleepers) sleeper.hurry();
    },
  };
}
