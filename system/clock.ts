import type { Millis } from '../protocol/dataplane.js';
import { linuxBootMillis } from './linux/boottime.js';
import { windowsBootMillis } from './windows/boottime.js';

/** The only source of time, so that tests and embedders can supply their own. */
export interface Clock {
  /** Returns monotonic milliseconds; they include time asleep, where the system can measure it. */
  now(): Millis;
  /** Returns the Unix time in nanoseconds. */
  wallNanos(): bigint;
  /** Calls `wake` once after `delay` milliseconds; 0 is after the current turn of the event loop. */
  schedule(delay: Millis, wake: () => void): Scheduled;
}

/** A call that a clock has scheduled. */
export interface Scheduled {
  /** Cancels the call. Idempotent, also after the call was made. */
  cancel(): void;
  /** Lets the process end while the call is pending; absent where the call never keeps it alive. */
  unref?(): void;
}

/** Returns the clock of this machine, with Node's timers. */
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

/** Returns the same clock for background work: none of its timers keeps the process alive. */
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
