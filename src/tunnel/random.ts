/** Randomness that the host's program brings along, checked. */
import { randomBytes } from 'node:crypto';
import { isUint8Array } from 'node:util/types';
import { messageOf, toError, WgTsError } from '../../system/errors.js';

export type RandomSource = (length: number) => Uint8Array;

/** Of a session, which is no secret. */
const INDEX_LENGTH = 4;
/** The same index again so many times is no accident: it happens once in 2^96. */
const MOST_REPEATS = 3;

/**
 * Returns `random` with its bytes checked and copied. When they are wrong, `onError` is called, once,
 * and the system's randomness takes its place at once and for good: the caller is in the middle of a
 * handshake, and gets good bytes. Without `random`, returns the system's.
 *
 * Asks for 32 bytes by itself, and throws WgTsError ERR_USAGE when it does not get them.
 */
export function checkedRandom(
  random: RandomSource | undefined,
  onError: (error: Error) => void,
): RandomSource {
  if (!random) return randomBytes;
  let last = checkedBytes(random, 32);
  let repeats = 0;
  let isTrusted = true;
  return (length) => {
    if (isTrusted) {
      try {
        const bytes = checkedBytes(random, length);
        if (length !== INDEX_LENGTH) return bytes;
        // Ends the tunnel before the search for a free index gives up with an exception.
        repeats = Buffer.compare(bytes, last) === 0 ? repeats + 1 : 0;
        if (repeats >= MOST_REPEATS) throw wrong('gives the same bytes again and again');
        last = bytes;
        return bytes;
      } catch (error) {
        isTrusted = false;
        // Later, as it ends the tunnel, which is in the middle of something.
        queueMicrotask(() => onError(toError(error)));
      }
    }
    return randomBytes(length);
  };
}

/** Throws WgTsError ERR_USAGE. */
function checkedBytes(random: RandomSource, length: number): Uint8Array {
  let bytes: unknown;
  try {
    bytes = random(length);
  } catch (error) {
    throw wrong(`throws: ${messageOf(error)}`, error);
  }
  if (!isUint8Array(bytes)) throw wrong('gives no Uint8Array');
  if (bytes.length !== length) throw wrong(`gives ${bytes.length} bytes instead of ${length}`);
  // In memory of its own, as the caller zeroes it in the end.
  return Uint8Array.from(bytes);
}

function wrong(what: string, cause?: unknown): WgTsError {
  return new WgTsError('ERR_USAGE', `random ${what}`, {
    hint: 'it makes as many unpredictable bytes as it is asked for',
    ...(cause !== undefined && { cause }),
  });
}
