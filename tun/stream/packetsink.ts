/** The writable half of a packet stream, which takes a tunnel's packets for the host's program. */
import { Writable } from 'node:stream';
import type { WritableStream } from 'node:stream/web';
import { toError, WgTsError } from '../../system/errors.js';

export interface PacketSinkOptions {
  /** Maximum number of waiting packets. */
  readonly capacity: number;
  /** Called when the sink takes no more packets. */
  readonly onError: (error: Error) => void;
}

/**
 * Returns `writable` as a Node stream. Throws WgTsError ERR_USAGE when it is not in object mode, or
 * already has a writer.
 */
export function nodeWritable(writable: Writable | WritableStream<Uint8Array>): Writable {
  if ('getWriter' in writable) return writableFromWeb(writable);
  if (writable.writableObjectMode) return writable;
  throw new WgTsError('ERR_USAGE', 'the writable side of a packet stream is not in object mode', {
    hint: 'make it with objectMode: true, or the boundaries between packets are lost',
  });
}

/**
 * `Writable.fromWeb` does not work here: in Node 20 it leaves an unhandled rejection when the stream
 * breaks while several chunks wait, and it refuses a WritableStream that is not Node's own.
 */
function writableFromWeb(stream: WritableStream<Uint8Array>): Writable {
  if (stream.locked) throw new WgTsError('ERR_USAGE', 'the writable stream already has a writer');
  const writer = stream.getWriter();
  const writable = new Writable({
    objectMode: true,
    write: (packet: Uint8Array, _, done) => settle(writer.write(packet), done),
    final: (done) => settle(writer.close(), done),
  });
  // Reports an error even when nothing is written.
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

  /**
   * Takes ownership of `packet`. Returns false when there is no room for it, or the stream has ended.
   */
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

  /** Ends the stream; packets already written still arrive. Idempotent. */
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
