/** Randomness that the host's program brings along, checked. */
import { randomBytes } from 'node:crypto';
import { isUint8Array } from 'node:util/types';
import { WgTsError } from '../../system/errors.js';
import { toError } from '../../tun/stream/packetsink.js';

export type RandomSource = (length: number) => Uint8Array;

/** Of a session, which is no secret. */
const INDEX_LENGTH = 4;
/** The same index again so many times is no accident: it happens once in 2^96. */
const MOST_REPEATS = 3;

/**
 * `random` with its answers checked and copied. When one is wrong, `onError` is told, once, and the
 * system's randomness takes its place at once and for good: whoever has asked is in the middle of a
 * handshake, and gets good bytes. Without `random`, the system's.
 *
 * Asks for 32 bytes by itself, and throws WgTsError ERR_USAGE when it does not get them.
 */
export function checkedRandom(
  random: RandomSource | undefined,
  onError: (error: Error) => void,
): RandomSource {
  if (!random) return randomBytes;
  const checked = new CheckedRandom(random);
  checked.bytes(32);
  let isTrusted = true;
  return (length) => {
    if (isTrusted) {
      try {
        return checked.bytes(length);
      } catch (error) {
        isTrusted = false;
        // Later, as it ends the tunnel, which is in the middle of something.
        queueMicrotask(() => onError(toError(error)));
      }
    }
    return randomBytes(length);
  };
}

class CheckedRandom {
  readonly #random: RandomSource;
  #last: Uint8Array = new Uint8Array(0);
  #repeats = 0;

  constructor(random: RandomSource) {
    this.#random = random;
  }

  /** Throws WgTsError ERR_USAGE. */
  bytes(length: number): Uint8Array {
    const answer = this.#ask(length);
    if (!isUint8Array(answer)) throw wrong('gives no Uint8Array');
    if (answer.length !== length) throw wrong(`gives ${answer.length} bytes instead of ${length}`);
    // In memory of its own, as whoever asks zeroes it in the end.
    const bytes = Uint8Array.from(answer);
    if (length === INDEX_LENGTH) this.#mustDiffer(bytes);
    return bytes;
  }

  #ask(length: number): unknown {
    try {
      return this.#random(length);
    } catch (error) {
      throw wrong(`throws: ${toError(error).message}`, error);
    }
  }

  /** An index is asked for until one is not in use: always the same would never end. */
  #mustDiffer(index: Uint8Array): void {
    this.#repeats = Buffer.compare(index, this.#last) === 0 ? this.#repeats + 1 : 0;
    this.#last = index;
    if (this.#repeats >= MOST_REPEATS) throw wrong('gives the same bytes again and again');
  }
}

function wrong(what: string, cause?: unknown): WgTsError {
  return new WgTsError('ERR_USAGE', `random ${what}`, {
    hint: 'it makes as many unpredictable bytes as it is asked for',
    ...(cause !== undefined && { cause }),
  });
}
