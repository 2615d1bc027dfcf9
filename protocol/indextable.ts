/** Even with a million indices in use, eight draws in a row all hit a used one only once in 2^96. */
const MAX_DRAWS = 8;

/**
 * Finds what a received message belongs to by the index in it, which we chose ourselves (section
 * 5.4.2). Indices are random so that they do not reveal how many there are.
 */
export class IndexTable<T> {
  readonly #random: (length: number) => Uint8Array;
  readonly #values: Map<number, T> = new Map();

  /** `random` returns the requested number of unpredictable bytes. */
  constructor(random: (length: number) => Uint8Array) {
    this.#random = random;
  }

  /** The number of indices in use. */
  get size(): number {
    return this.#values.size;
  }

  /**
   * Returns an index for `value`, 0 to 2^32 - 1, that is not in use. Throws Error when `random` keeps
   * yielding indices in use.
   */
  allocate(value: T): number {
    for (let draw = 0; draw < MAX_DRAWS; draw++) {
      const bytes = this.#random(4);
      const index = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
      if (this.#values.has(index)) continue;
      this.#values.set(index, value);
      return index;
    }
    throw new Error(`random gave an index in use ${MAX_DRAWS} times in a row`);
  }

  get(index: number): T | undefined {
    return this.#values.get(index);
  }

  /** Does nothing for an index that is not in use. */
  delete(index: number): void {
    this.#values.delete(index);
  }
}
