export type UapiOperation = 'get' | 'set' | 'invalid';

/** wg(8)'s longest requests are lists of allowed IPs. */
export const MAX_REQUEST_BYTES: number = 64 * 1024;

const LINE_FEED = 0x0a;
const OPERATIONS: Readonly<Record<string, UapiOperation>> = { 'get=1': 'get', 'set=1': 'set' };

/** Cuts the bytes of a client into requests. What it holds is zeroed as soon as it is read. */
export class RequestReader {
  readonly #bytes = Buffer.alloc(MAX_REQUEST_BYTES);
  #length = 0;

  /**
   * Copies `chunk` and zeroes it. Answers the requests that are complete now. Throws RangeError for
   * one that is too long; the reader must not be used afterwards.
   */
  push(chunk: Uint8Array): UapiOperation[] {
    const requests: UapiOperation[] = [];
    for (const byte of chunk) {
      if (this.#length === MAX_REQUEST_BYTES) {
        chunk.fill(0);
        this.zero();
        throw new RangeError('the request is too long');
      }
      this.#bytes[this.#length++] = byte;
      if (this.#isComplete()) requests.push(this.#take());
    }
    chunk.fill(0);
    return requests;
  }

  zero(): void {
    this.#bytes.fill(0, 0, this.#length);
    this.#length = 0;
  }

  #isComplete(): boolean {
    const end = this.#length;
    if (this.#bytes[end - 1] !== LINE_FEED) return false;
    return end === 1 || this.#bytes[end - 2] === LINE_FEED;
  }

  #take(): UapiOperation {
    const end = this.#bytes.indexOf(LINE_FEED);
    // The first line only: the others may hold keys.
    const operation = end <= 5 ? OPERATIONS[this.#bytes.toString('latin1', 0, end)] : undefined;
    const isBare = end + 2 === this.#length;
    this.zero();
    if (operation === 'get' && !isBare) return 'invalid';
    return operation ?? 'invalid';
  }
}
