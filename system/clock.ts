import type { Millis } from '../protocol/dataplane.js';
import { linuxBootMillis } from './linux/boottime.js';
import { windowsBootMillis } from './windows/boottime.js';

/** The only source of time, so that tests and embedders can bring their own. */
export interface Clock {
  /** Monotonic milliseconds; goes on while the system sleeps, where the system can tell. */
  now(): Millis;
  /** Unix nanoseconds. */
  wallNanos(): bigint;
  /** Calls `wake` once after `delay` milliseconds; 0 is after the present turn of the event loop. */
  schedule(delay: Millis, wake: () => void): Scheduled;
}

/** What a clock will call, and how to prevent it. */
export interface Scheduled {
  /** It is not called any more. Idempotent, also when it has been called. */
  cancel(): void;
  /** The process need not go on for it; absent where it never has to. */
  unref?(): void;
}

/** The clock of this machine, and timers of Node's. */
export function systemClock(): Clock {
  return {
    now: linuxBootMillis() ?? windowsBootMillis() ?? (() => performance.now()),
    wallNanos: () => BigInt(Date.now()) * 1_000_000n,
    schedule(delay, wake) {
      if (delay <= 0) {
        const immediate = setImmediate(wake);
        return { cancel: () => clearImmediate(immediate) };
      }
      const timer = setTimeout(wake, Math.ceil(delay));
      return { cancel: () => clearTimeout(timer), unref: () => void timer.unref() };
    },
  };
}

/** The same clock, for what goes on beside others: none of its timers keeps the process alive. */
export function backgroundClock(clock: Clock): Clock {
  return {
    now: () => clock.now(),
    wallNanos: () => clock.wallNanos(),
    schedule(delay, wake) {
      const scheduled = clock.schedule(delay, wake);
      scheduled.unref?.();
      return scheduled;
    },
  };
}
