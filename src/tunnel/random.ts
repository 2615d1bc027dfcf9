/** Checks the randomness that the embedding program supplies. */
import { randomBytes } from 'node:crypto';
import { isUint8Array } from 'node:util/types';
import { messageOf, toError, WgTsError } from '../../system/errors.js';

export type RandomSource = (length: number) => Uint8Array;

/** Bytes of a session index, which is not secret. */
const INDEX_LENGTH = 4;
/** This many repetitions of an index are no accident: the chance is one in 2^96. */
const MOST_REPEATS = 3;

/**
 * Returns `random` with its bytes checked and copied. When they are wrong, `onError` is called, once,
 * and the system's randomness replaces it at once and for good: the caller is in the middle of a
 * handshake, and gets good bytes. Without `random`, returns the system's.
 *
 * Requests 32 bytes as a first check, and throws WgTsError ERR_USAGE when it does not get them.
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
        if (repeats >= MOST_REPEATS) throw wrong('returns the same bytes again and again');
        last = bytes;
        return bytes;
      } catch (error) {
        isTrusted = false;
        // Deferred, because it ends the tunnel, which is in the middle of an operation.
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
  if (!isUint8Array(bytes)) throw wrong('does not return a Uint8Array');
  if (bytes.length !== length) throw wrong(`returns ${bytes.length} bytes instead of ${length}`);
  // A copy in its own memory, as the caller zeroes it in the end.
  return Uint8Array.from(bytes);
}

function wrong(what: string, cause?: unknown): WgTsError {
  return new WgTsError('ERR_USAGE', `random ${what}`, {
    hint: 'it must return as many unpredictable bytes as requested',
    ...(cause !== undefined && { cause }),
  });
}
