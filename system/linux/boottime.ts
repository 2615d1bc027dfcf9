import { hasLibc, libc } from './libc.js';

const CLOCK_BOOTTIME = 7;

/**
 * Returns a clock of milliseconds since boot. It includes suspended time, which `performance.now` leaves
 * out: a key must not outlive its time because the machine slept. Undefined on other systems than Linux,
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
