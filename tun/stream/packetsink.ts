/** Where a tunnel's packets go in the host's program: the writable half of a packet stream. */
import { Writable } from 'node:stream';
import type { WritableStream } from 'node:stream/web';
import { toError, WgTsError } from '../../system/errors.js';

export interface PacketSinkOptions {
  /** How many packets wait at most. */
  readonly capacity: number;
  /** The sink takes no more packets. */
  readonly onError: (error: Error) => void;
}

/**
 * Returns `writable` as a stream of Node. Throws WgTsError ERR_USAGE when it is not in object mode, or
 * has a writer already.
 */
export function nodeWritable(writable: Writable | WritableStream<Uint8Array>): Writable {
  if ('getWriter' in writable) return writableFromWeb(writable);
  if (writable.writableObjectMode) return writable;
  throw new WgTsError('ERR_USAGE', 'the writable side of a packet stream is not in object mode', {
    hint: 'make it with objectMode: true, or where one packet ends and the next begins is lost',
  });
}

/**
 * `Writable.fromWeb` will not do: in Node 20 it leaves an unhandled rejection when the stream breaks
 * while several chunks wait, and it refuses a WritableStream that is not Node's own.
 */
function writableFromWeb(stream: WritableStream<Uint8Array>): Writable {
  if (stream.locked) throw new WgTsError('ERR_USAGE', 'the writable stream has a writer already');
  const writer = stream.getWriter();
  const writable = new Writable({
    objectMode: true,
    write: (packet: Uint8Array, _, done) => settle(writer.write(packet), done),
    final: (done) => settle(writer.close(), done),
  });
  // An error shows here even when nothing is written.
  writer.closed.catch((error: unknown) => writable.destroy(toError(error)));
  return writable;
}

function settle(promise: Promise<void>, done: (error?: Error) => void): void {
  promise.then(
    () => done(),
    (error: unknown) => done(toError(error)),
  );
}

export class PacketSink {
  readonly #writable: Writable;
  readonly #options: PacketSinkOptions;
  #isEnded = false;

  constructor(writable: Writable, options: PacketSinkOptions) {
    this.#writable = writable;
    this.#options = options;
    // Stays: without a listener, an error after the end would be the host's uncaught exception.
    writable.on('error', options.onError);
    writable.once('close', () => {
      if (!this.#isEnded && !writable.writableFinished) options.onError(destroyed());
    });
  }

  /** Takes over `packet`. Returns false when there is no room for it, or the stream has ended. */
  write(packet: Uint8Array): boolean {
    const writable = this.#writable;
    if (this.#isEnded || !writable.writable) return false;
    if (writable.writableLength >= this.#options.capacity) return false;
    try {
      writable.write(packet);
      return true;
    } catch (error) {
      this.#isEnded = true;
      this.#options.onError(toError(error));
      return false;
    }
  }

  /** What was written still arrives. Idempotent. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (!this.#writable.writable) return;
    try {
      this.#writable.end();
    } catch (error) {
      this.#options.onError(toError(error));
    }
  }
}

export function destroyed(): Error {
  return new Error('the packet stream was destroyed');
}
