/** Even with a million indices in use, eight draws in a row meet one of them once in 2^96. */
const MAX_DRAWS = 8;

/**
 * Finds what a received message belongs to by the index in it, which we chose ourselves (section
 * 5.4.2). Indices are random so that they tell nothing of how many there are.
 */
export class IndexTable<T> {
  readonly #random: (length: number) => Uint8Array;
  readonly #values: Map<number, T> = new Map();

  /** `random` makes as many bytes as asked for, unpredictable ones. */
  constructor(random: (length: number) => Uint8Array) {
    this.#random = random;
  }

  /** Indices in use. */
  get size(): number {
    return this.#values.size;
  }

  /**
   * An index for `value`, 0 to 2^32 - 1, that nothing else has at this time. Throws Error when `random`
   * gives only indices in use.
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
