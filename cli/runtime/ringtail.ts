import { decodeEntry } from './logentry.js';
import { LineSplitter } from './logfile.js';

/** Of a ring that is read anew after each run of its tunnel: what was seen before is left out. */
export class RingTail {
  readonly #splitter = new LineSplitter();
  /** Of the newest line seen, and the lines of that very time. */
  #newest = 0;
  readonly #ofNewest = new Set<string>();
  #isRepeated = false;

  /** From now on `push` gets the ring from its beginning. */
  restart(): void {
    this.#splitter.end();
    this.#isRepeated = true;
  }

  /** The lines that `text` completes and that are new. */
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
