import { TIMESTAMP_BYTES } from './constants.js';

const NANOS_PER_SECOND = 1_000_000_000n;
/** The label of 1970-01-01 00:00:00 UTC: 2^62, plus the ten seconds that TAI was then ahead. */
const UNIX_EPOCH = 2n ** 62n + 10n;
/** About 16.8 ms: the timestamp must not reveal our clock to an observer more precisely than that. */
const WHITENED_BITS = 24;

/**
 * Returns the timestamp of an initiation (section 5.1): 12 bytes, big-endian seconds and nanoseconds.
 * `wallNanos` counts from 1970 without leap seconds.
 */
export function tai64n(wallNanos: bigint): Uint8Array {
  const remainder = wallNanos % NANOS_PER_SECOND;
  const nanos = remainder < 0n ? remainder + NANOS_PER_SECOND : remainder;
  const seconds = (wallNanos - nanos) / NANOS_PER_SECOND;
  const out = new Uint8Array(TIMESTAMP_BYTES);
  const view = new DataView(out.buffer);
  view.setBigUint64(0, UNIX_EPOCH + seconds);
  view.setUint32(8, (Number(nanos) >>> WHITENED_BITS) << WHITENED_BITS);
  return out;
}

/** Returns whether `a` is later than `b`, 12 bytes each. */
export function isAfter(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < TIMESTAMP_BYTES; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference > 0;
  }
  return false;
}
