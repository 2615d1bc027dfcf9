import { hasLibc, libc } from './libc.js';

const CLOCK_BOOTTIME = 7;

/**
 * Milliseconds since boot, suspended time included, which the clock of `performance.now` leaves
 * out: a key must not outlive its time because the machine slept. Undefined elsewhere than on Linux,
 * and where koffi does not load.
 */
export function linuxBootMillis(): (() => number) | undefined {
  if (!hasLibc()) return undefined;
  const { clock_gettime } = libc();
  const timespec = new BigInt64Array(2);
  const bytes = new Uint8Array(timespec.buffer);
  return () => {
    clock_gettime(CLOCK_BOOTTIME, bytes);
    return Number(timespec[0]) * 1000 + Number(timespec[1]) / 1e6;
  };
}
