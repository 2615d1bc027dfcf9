/** A stream of packets of the host's program as the interface of a tunnel. */
import type { Duplex, Readable, Writable } from 'node:stream';
import type { ReadableStream, WritableStream } from 'node:stream/web';
import { WgTsError } from '../../system/errors.js';
import type { Tun } from '../tun.js';
import { nodeWritable, PacketSink } from './packetsink.js';
import { isNodeReadable, nodeReadable, PacketSource } from './packetsource.js';

/**
 * Raw IP packets, one a chunk: a `node:stream` Duplex in object mode, or its two halves apart, each of
 * Node or of the Web. What `readable` gives goes into the tunnel; what the tunnel has for the host is
 * written to `writable`.
 */
export type PacketStream =
  | Duplex
  | {
      /** From the host, into the tunnel. */
      readonly readable: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;
      /** From the tunnel, for the host. */
      readonly writable: Writable | WritableStream<Uint8Array>;
    };

/** For `tunFromStream`. */
export interface TunFromStreamOptions {
  /** By default `stream`. */
  readonly name?: string;
  /** How many packets wait at most in each direction, by default 1024; further ones are dropped. */
  readonly capacity?: number;
}

/** An interface whose packets are those of a stream. */
export interface StreamTun extends Tun {
  /** Packets of either direction that found no room, or that no IP packet can be: empty, too long. */
  readonly dropped: number;
}

const DEFAULT_CAPACITY = 1024;

/**
 * Makes the interface of a tunnel from a stream of packets, with an interface's manners:
 *
 * - It never waits for the host. Where `writable` holds `capacity` packets already (a Duplex given by
 *   the host counts what it has not taken), further ones are dropped and counted.
 * - `readable` is read as fast as the tunnel takes packets, 64 in a turn of the event loop. A source
 *   that waits to be asked loses nothing; of a Duplex that is given packets faster than that, the
 *   oldest beyond `capacity` are dropped and counted.
 * - Each chunk of `writable` is a buffer of its own, the host's to keep.
 * - The end of `readable` ends nothing: the tunnel has no more packets of the host's, and goes on with
 *   those for the host. An error of either half, or that the host destroys one, is told by `onError`,
 *   as when an interface is deleted; so is a chunk that is no Uint8Array (WgTsError ERR_USAGE).
 * - `close` ends `writable` after what was written, and stops reading: it calls the iterator's
 *   `return`, and destroys a stream of Node.
 *
 * Throws WgTsError ERR_USAGE for a stream that is not in object mode or that somebody else reads or
 * writes already.
 */
export function tunFromStream(stream: PacketStream, options: TunFromStreamOptions = {}): StreamTun {
  return new PacketStreamTun(stream, options);
}

/** What `connect` takes as `tun`. A stream gets `name`. Throws WgTsError ERR_USAGE. */
export function asTun(tun: Tun | PacketStream, name?: string): Tun {
  if (isTun(tun)) return tun;
  return tunFromStream(tun, name === undefined ? {} : { name });
}

function isTun(value: unknown): value is Tun {
  const tun = value as Partial<Record<keyof Tun, unknown>> | null | undefined;
  return (
    typeof tun?.start === 'function' &&
    typeof tun.write === 'function' &&
    typeof tun.close === 'function'
  );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function halvesOf(stream: PacketStream): Exclude<PacketStream, Duplex> {
  if (isObject(stream)) {
    if (isNodeReadable(stream) && 'write' in stream) return { readable: stream, writable: stream };
    const { readable, writable } = stream;
    const isReadable =
      isObject(readable) && (Symbol.asyncIterator in readable || 'getReader' in readable);
    const isWritable = isObject(writable) && ('getWriter' in writable || 'write' in writable);
    if (isReadable && isWritable) return { readable, writable } as Exclude<PacketStream, Duplex>;
  }
  throw new WgTsError('ERR_USAGE', 'tun is neither an interface nor a stream of packets', {
    hint: 'give a Tun, a Duplex in object mode, or { readable, writable }',
  });
}

class PacketStreamTun implements StreamTun {
  readonly name: string;
  dropped = 0;
  readonly #readable: Readable;
  readonly #writable: Writable;
  readonly #source: PacketSource;
  readonly #sink: PacketSink;
  #onPackets: ((packets: readonly Uint8Array[]) => void) | undefined;
  #onError: ((error: Error) => void) | undefined;
  #failure: Error | undefined;
  #isClosed = false;

  constructor(stream: PacketStream, { name = 'stream', capacity }: TunFromStreamOptions) {
    this.name = name;
    const { readable, writable } = halvesOf(stream);
    const options = {
      capacity: checkedCapacity(capacity),
      onError: (error: Error): void => this.#fail(error),
    };
    this.#readable = nodeReadable(readable);
    this.#writable = nodeWritable(writable);
    this.#source = new PacketSource(this.#readable, {
      ...options,
      onPackets: (packets) => this.#onPackets?.(packets),
      onDropped: (count) => {
        this.dropped += count;
      },
    });
    this.#sink = new PacketSink(this.#writable, options);
  }

  start(
    onPackets: (packets: readonly Uint8Array[]) => void,
    onError: (error: Error) => void,
  ): void {
    if (this.#onPackets) throw new Error('this interface has been started already');
    if (this.#isClosed) return;
    this.#onPackets = onPackets;
    this.#onError = onError;
    if (this.#failure) this.#tell(this.#failure);
    else this.#source.start();
  }

  write(packet: Uint8Array): boolean {
    if (this.#isClosed || this.#failure) return false;
    const isTaken = this.#sink.write(Uint8Array.from(packet));
    if (!isTaken) this.dropped++;
    return isTaken;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#source.stop();
    this.#sink.end();
    const [readable, writable] = [this.#readable, this.#writable];
    const isDuplex = Object.is(readable, writable);
    // What was written to the other side of a Duplex still has to leave.
    if (isDuplex && writable.writableEnded && !writable.writableFinished)
      writable.once('finish', () => readable.destroy());
    else readable.destroy();
  }

  /** The first error is the one that broke it. */
  #fail(error: Error): void {
    if (this.#failure || this.#isClosed) return;
    this.#failure = error;
    this.#tell(error);
  }

  /** Later, as it may be found while the tunnel writes a packet. */
  #tell(error: Error): void {
    const onError = this.#onError;
    if (!onError) return;
    setImmediate(() => {
      if (!this.#isClosed) onError(error);
    });
  }
}

function checkedCapacity(capacity = DEFAULT_CAPACITY): number {
  if (Number.isInteger(capacity) && capacity > 0) return capacity;
  throw new WgTsError(
    'ERR_USAGE',
    `${String(capacity)} is no capacity: it is a whole number from 1`,
  );
}
