import { decodeEntry } from './logentry.js';
import { LineSplitter } from './logfile.js';

/** Reads a ring anew after each run of its tunnel, and leaves out the lines that were seen before. */
export class RingTail {
  readonly #splitter = new LineSplitter();
  /** The time of the newest line seen, and below all lines seen of that time. */
  #newest = 0;
  readonly #ofNewest = new Set<string>();
  #isRepeated = false;

  /** The next `push` starts from the beginning of the ring. */
  restart(): void {
    this.#splitter.end();
    this.#isRepeated = true;
  }

  /** Returns the new lines among those that `text` completes. */
  push(text: string): string[] {
    return this.#splitter.push(text).filter((line) => this.#isNew(line));
  }

  #isNew(line: string): boolean {
    const { time } = decodeEntry(line, '');
    if (this.#isRepeated && (time === undefined || this.#wasSeen(line, time))) return false;
    this.#isRepeated = false;
    if (time === undefined) return true;
    if (time !== this.#newest) this.#ofNewest.clear();
    this.#newest = time;
    this.#ofNewest.add(line);
    return true;
  }

  #wasSeen(line: string, time: number): boolean {
    return time < this.#newest || (time === this.#newest && this.#ofNewest.has(line));
  }
}
