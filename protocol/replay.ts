import { REJECT_AFTER_MESSAGES, REPLAY_BITMAP_BITS, REPLAY_WINDOW } from './constants.js';

const WORDS = REPLAY_BITMAP_BITS / 32;
const WORD_MASK = WORDS - 1;

/** All ones, so that a counter with any other upper half is below the limit. */
const REJECT_HIGH = Number(REJECT_AFTER_MESSAGES >> 32n);
const REJECT_LOW = Number(REJECT_AFTER_MESSAGES & 0xffff_ffffn);

const split = new DataView(new ArrayBuffer(8));

/**
 * The counters of one receiving key that have been seen (section 5.4.6, in the manner of RFC 6479):
 * a ring of words, where moving on clears the words passed over. The bitmap exceeds the window by two
 * words, so that clearing never reaches a counter that is still in the window.
 *
 * A counter is split into two unsigned halves because a number cannot hold all of it. Counters lie
 * between 0 and 2^64 - 1.
 */
export class ReplayWindow {
  readonly #bitmap: Uint32Array = new Uint32Array(WORDS);
  #greatestHigh = 0;
  #greatestLow = 0;

  /** Returns whether `accept` would take the counter. Changes nothing. */
  isFresh(counter: bigint): boolean {
    split.setBigUint64(0, counter);
    return this.#isFresh(split.getUint32(0), split.getUint32(4));
  }

  /**
   * Marks a fresh counter as seen. Returns false for a counter that was already seen, is too old or past
   * the limit. To be called only when the packet has proved authentic.
   */
  accept(counter: bigint): boolean {
    split.setBigUint64(0, counter);
    const high = split.getUint32(0);
    const low = split.getUint32(4);
    if (!this.#isFresh(high, low)) return false;
    const ahead = -this.#behind(high, low);
    if (ahead > 0) this.#advance(ahead, high, low);
    const word = (low >>> 5) & WORD_MASK;
    this.#bitmap[word] = (this.#bitmap[word] as number) | (1 << (low & 31));
    return true;
  }

  /** Forgets all counters. */
  reset(): void {
    this.#bitmap.fill(0);
    this.#greatestHigh = 0;
    this.#greatestLow = 0;
  }

  #isFresh(high: number, low: number): boolean {
    if (high === REJECT_HIGH && low >= REJECT_LOW) return false;
    const behind = this.#behind(high, low);
    if (behind < 0) return true;
    if (behind > REPLAY_WINDOW) return false;
    return (((this.#bitmap[(low >>> 5) & WORD_MASK] as number) >>> (low & 31)) & 1) === 0;
  }

  /** Rounded above 2^53, but with the right sign; exact wherever the bitmap reaches. */
  #behind(high: number, low: number): number {
    return (this.#greatestHigh - high) * 0x1_0000_0000 + (this.#greatestLow - low);
  }

  #advance(ahead: number, high: number, low: number): void {
    if (ahead >= REPLAY_BITMAP_BITS) {
      this.#bitmap.fill(0);
    } else {
      const word = this.#greatestLow >>> 5;
      const passed = ((this.#greatestLow & 31) + ahead) >>> 5;
      for (let i = 1; i <= passed; i++) this.#bitmap[(word + i) & WORD_MASK] = 0;
    }
    this.#greatestHigh = high;
    this.#greatestLow = low;
  }
}
