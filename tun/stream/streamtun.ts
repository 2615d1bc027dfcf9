/** Uses a stream of packets of the host's program as the interface of a tunnel. */
import type { Duplex, Readable, Writable } from 'node:stream';
import type { ReadableStream, WritableStream } from 'node:stream/web';
import { WgTsError } from '../../system/errors.js';
import type { Tun } from '../tun.js';
import { nodeWritable, PacketSink } from './packetsink.js';
import { isNodeReadable, nodeReadable, PacketSource } from './packetsource.js';

/**
 * Raw IP packets, one per chunk: a `node:stream` Duplex in object mode, or separate halves, each a Node
 * or a Web stream. Packets from `readable` go into the tunnel; packets from the tunnel are written to
 * `writable`.
 */
export type PacketStream =
  | Duplex
  | {
      /** From the host, into the tunnel. */
      readonly readable: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;
      /** From the tunnel, for the host. */
      readonly writable: Writable | WritableStream<Uint8Array>;
    };

/** Options of `tunFromStream`. */
export interface TunFromStreamOptions {
  /** By default `stream`. */
  readonly name?: string;
  /** Maximum number of waiting packets in each direction, by default 1024; further ones are dropped. */
  readonly capacity?: number;
}

/** An interface whose packets are those of a stream. */
export interface StreamTun extends Tun {
  /**
   * Packets of either direction that found no room, or that cannot be an IP packet: empty or too long.
   */
  readonly dropped: number;
}

const DEFAULT_CAPACITY = 1024;

/**
 * Makes the interface of a tunnel from a stream of packets. It behaves like a network interface:
 *
 * - It never waits for the host. When `writable` already holds `capacity` packets (for a Duplex,
 *   packets that the host has not read), further ones are dropped and counted.
 * - `readable` is read as fast as the tunnel takes packets, 64 in a turn of the event loop. A source
 *   that waits to be asked loses nothing; for a Duplex that is given packets faster than that, the
 *   oldest beyond `capacity` are dropped and counted.
 * - Each chunk of `writable` is a separate buffer, which the host may keep.
 * - The end of `readable` closes nothing: the tunnel gets no more packets from the host, but still
 *   delivers packets to it. When either half fails or the host destroys it, `onError` is called, as
 *   when an interface is deleted; also for a chunk that is not a Uint8Array (WgTsError ERR_USAGE).
 * - `close` ends `writable` after the packets already written, and stops reading: it calls the
 *   iterator's `return`, and destroys a Node stream.
 *
 * Throws WgTsError ERR_USAGE for a stream that is not in object mode, or that already has another
 * reader or writer.
 */
export function tunFromStream(stream: PacketStream, options: TunFromStreamOptions = {}): StreamTun {
  return new PacketStreamTun(stream, options);
}

/**
 * Converts the `tun` of `connect` to an interface. A stream gets `name`. Throws WgTsError ERR_USAGE.
 */
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
    hint: 'pass a Tun, a Duplex in object mode, or { readable, writable }',
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
    if (this.#onPackets) throw new Error('this interface has already been started');
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
    // Packets written to the other side of a Duplex still have to leave.
    if (isDuplex && writable.writableEnded && !writable.writableFinished)
      writable.once('finish', () => readable.destroy());
    else readable.destroy();
  }

  /** Only the first error is reported. */
  #fail(error: Error): void {
    if (this.#failure || this.#isClosed) return;
    this.#failure = error;
    this.#tell(error);
  }

  /** Deferred, as the error may be found while the tunnel writes a packet. */
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
    `${String(capacity)} is not a capacity: use a whole number from 1`,
  );
}
