/** Where a tunnel's packets go in the host's program: the writable half of a packet stream. */
import type { Writable } from 'node:stream';
import type { WritableStream } from 'node:stream/web';
import { WgTsError } from '../../system/errors.js';

export interface PacketSink {
  /** Takes over `packet`. False when there is no room for it, or nobody to take it any more. */
  write(packet: Uint8Array): boolean;
  /** What was written still arrives. Idempotent. */
  end(): void;
}

export interface PacketSinkOptions {
  /** How many packets wait at most. */
  readonly capacity: number;
  /** The sink takes no more packets. */
  readonly onError: (error: Error) => void;
}

export function openSink(
  writable: Writable | WritableStream<Uint8Array>,
  options: PacketSinkOptions,
): PacketSink {
  if ('getWriter' in writable) return new WebSink(writable, options);
  if (!writable.writableObjectMode)
    throw new WgTsError('ERR_USAGE', 'the writable side of a packet stream is not in object mode', {
      hint: 'make it with objectMode: true, or where one packet ends and the next begins is lost',
    });
  return new NodeSink(writable, options);
}

class NodeSink implements PacketSink {
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

class WebSink implements PacketSink {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #options: PacketSinkOptions;
  /** Written and not taken yet: its own high-water mark is 1 where nobody has chosen another. */
  #waiting = 0;
  #isEnded = false;

  constructor(writable: WritableStream<Uint8Array>, options: PacketSinkOptions) {
    if (writable.locked)
      throw new WgTsError('ERR_USAGE', 'the writable stream has a writer already');
    this.#writer = writable.getWriter();
    this.#options = options;
    this.#writer.closed.then(
      () => {
        this.#isEnded = true;
      },
      (error: unknown) => {
        this.#isEnded = true;
        options.onError(toError(error));
      },
    );
  }

  write(packet: Uint8Array): boolean {
    if (this.#isEnded || this.#waiting >= this.#options.capacity) return false;
    this.#waiting++;
    const done = (): void => {
      this.#waiting--;
    };
    this.#writer.write(packet).then(done, done);
    return true;
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    // What goes wrong is told by `closed`.
    this.#writer.close().catch(() => undefined);
  }
}

export function destroyed(): Error {
  return new Error('the packet stream was destroyed');
}

export function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
