export type UapiRequest =
  | { readonly type: 'get' | 'invalid' }
  /** The whole request; the receiver zeroes it. */
  | { readonly type: 'set'; readonly bytes: Uint8Array };

/** Room for some ten thousand peers with their allowed IPs. */
export const MAX_REQUEST_BYTES: number = 4 * 1024 * 1024;

const FIRST_BYTES = 4096;
const LINE_FEED = 0x0a;

/** Splits the bytes of a client into requests. Its buffers are zeroed as soon as they are read. */
export class RequestReader {
  #bytes = Buffer.alloc(FIRST_BYTES);
  #length = 0;

  /**
   * Copies `chunk` and zeroes it. Returns the requests that are now complete. Throws RangeError for one
   * that is too long; the reader must not be used afterwards.
   */
  push(chunk: Uint8Array): UapiRequest[] {
    const requests: UapiRequest[] = [];
    try {
      for (let from = 0; from < chunk.length; ) {
        const feed = chunk.indexOf(LINE_FEED, from);
        const end = feed === -1 ? chunk.length : feed + 1;
        this.#append(chunk.subarray(from, end));
        if (this.#isComplete()) requests.push(this.#take());
        from = end;
      }
      return requests;
    } catch (error) {
      for (const request of requests) if (request.type === 'set') request.bytes.fill(0);
      throw error;
    } finally {
      chunk.fill(0);
    }
  }

  zero(): void {
    this.#bytes.fill(0, 0, this.#length);
    this.#length = 0;
  }

  #append(part: Uint8Array): void {
    const length = this.#length + part.length;
    if (length > MAX_REQUEST_BYTES) {
      this.zero();
      throw new RangeError('the request is too long');
    }
    if (length > this.#bytes.length) {
      const larger = Buffer.alloc(
        Math.max(length, Math.min(2 * this.#bytes.length, MAX_REQUEST_BYTES)),
      );
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes.fill(0);
      this.#bytes = larger;
    }
    this.#bytes.set(part, this.#length);
    this.#length = length;
  }

  #isComplete(): boolean {
    const end = this.#length;
    if (this.#bytes[end - 1] !== LINE_FEED) return false;
    return end === 1 || this.#bytes[end - 2] === LINE_FEED;
  }

  #take(): UapiRequest {
    const first = this.#bytes.toString('latin1', 0, Math.min(this.#length, 'get=1\n\n'.length));
    if (first.startsWith('set=1\n')) {
      const bytes = Uint8Array.from(this.#bytes.subarray(0, this.#length));
      this.zero();
      return { type: 'set', bytes };
    }
    const isGet = first === 'get=1\n\n' && this.#length === first.length;
    this.zero();
    return { type: isGet ? 'get' : 'invalid' };
  }
}
