/**
 * The readable half of a packet stream, which brings the packets of the host's program into a tunnel.
 */
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { isUint8Array } from 'node:util/types';
import { toError, WgTsError } from '../../system/errors.js';
import { destroyed } from './packetsink.js';

export interface PacketSourceOptions {
  /** Minimum number of packets that may wait in the stream. */
  readonly capacity: number;
  /** Called with at least one packet, at most a batch; may throw. */
  readonly onPackets: (packets: readonly Uint8Array[]) => void;
  readonly onDropped: (count: number) => void;
  readonly onError: (error: Error) => void;
}

/** Packets that go into the tunnel in one turn of the event loop, so that other work gets its turn. */
const BATCH = 64;
const MAX_PACKET = 65_535;

/**
 * Returns `source` as a Node stream. Throws WgTsError ERR_USAGE when it is not in object mode, or
 * already has a reader.
 */
export function nodeReadable(
  source: Readable | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>,
): Readable {
  if (!isNodeReadable(source)) return new PulledReadable(source);
  if (source.readableObjectMode) return source;
  throw new WgTsError('ERR_USAGE', 'the readable side of a packet stream is not in object mode', {
    hint: 'make it with objectMode: true, or the boundaries between packets are lost',
  });
}

export function isNodeReadable(value: object): value is Readable {
  return 'read' in value && 'on' in value && 'readableLength' in value;
}

/**
 * Returns false for a packet that no tunnel can carry. Throws WgTsError when the value is not a packet
 * at all.
 */
function isPacket(value: unknown): value is Uint8Array {
  if (!isUint8Array(value))
    throw new WgTsError('ERR_USAGE', `the packet stream gave ${nameOf(value)}`, {
      hint: 'each packet is a Uint8Array that holds one IPv4 or IPv6 packet',
    });
  return value.length > 0 && value.length <= MAX_PACKET;
}

export function nameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value} instead of a Uint8Array`;
  return `${Object.prototype.toString.call(value)} instead of a Uint8Array`;
}

export class PacketSource {
  readonly #readable: Readable;
  readonly #options: PacketSourceOptions;
  #batch: Uint8Array[] = [];
  /** Number of chunks read in this turn of the event loop, whether or not they were packets. */
  #count = 0;
  #turn: NodeJS.Immediate | undefined;
  #broken: Error | undefined;
  #isStopped = false;

  constructor(readable: Readable, options: PacketSourceOptions) {
    this.#readable = readable;
    this.#options = options;
    readable.on('error', (error) => this.#break(error));
  }

  /** Starts reading. To be called once. */
  start(): void {
    const readable = this.#readable;
    if (readable.destroyed || readable.errored) {
      this.#break(readable.errored ?? destroyed());
      return;
    }
    readable.on('close', this.#onClose);
    readable.on('readable', this.#onReadable);
  }

  /** Stops reading and reporting. Idempotent. */
  stop(): void {
    this.#isStopped = true;
    clearImmediate(this.#turn);
    this.#batch = [];
    this.#readable.off('readable', this.#onReadable);
    this.#readable.off('close', this.#onClose);
  }

  readonly #onReadable = (): void => {
    if (this.#isStopped) return;
    this.#take();
    this.#turn ??= setImmediate(() => this.#deliver());
  };

  /** A stream that has ended may close; a destroyed one is like an interface that is gone. */
  readonly #onClose = (): void => {
    if (!this.#readable.readableEnded) this.#break(this.#readable.errored ?? destroyed());
  };

  #deliver(): void {
    this.#turn = undefined;
    this.#count = 0;
    const batch = this.#batch;
    this.#batch = [];
    try {
      if (batch.length > 0 && !this.#isStopped) this.#options.onPackets(batch);
    } finally {
      if (this.#broken) this.#fail(this.#broken);
      else if (this.#readable.readableLength > 0) this.#onReadable();
    }
  }

  /**
   * A stream that respects its high-water mark waits until it is read. Packets that another one was
   * given beyond its capacity have found the queue full.
   */
  #take(): void {
    const readable = this.#readable;
    const room = Math.max(this.#options.capacity, readable.readableHighWaterMark);
    try {
      const surplus = readable.readableLength - room;
      if (surplus > 0) this.#dropOldest(surplus);
      while (this.#count < BATCH && !this.#isStopped && !this.#broken) {
        const packet: unknown = readable.read();
        if (packet === null) return;
        this.#count++;
        if (isPacket(packet)) this.#batch.push(packet);
        else this.#options.onDropped(1);
      }
    } catch (error) {
      this.#break(toError(error));
    }
  }

  #dropOldest(count: number): void {
    for (let i = 0; i < count; i++) this.#readable.read();
    this.#options.onDropped(count);
  }

  /** Reported after what was read before. */
  #break(error: Error): void {
    if (this.#isStopped) return;
    this.#broken ??= error;
    this.#turn ??= setImmediate(() => this.#deliver());
  }

  #fail(error: Error): void {
    if (this.#isStopped) return;
    this.stop();
    this.#options.onError(error);
  }
}

/**
 * Asks for the next packet only when there is room for it, and so loses none. `Readable.from` and
 * `Readable.fromWeb` do not work here: the former asks for the next packet before the last one is
 * copied, the latter takes a null for the end and refuses a ReadableStream that is not Node's own.
 */
class PulledReadable extends Readable {
  readonly #source: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;
  #iterator: PacketIterator | undefined;

  constructor(source: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>) {
    if ('locked' in source && source.locked)
      throw new WgTsError('ERR_USAGE', 'the readable stream already has a reader');
    super({ objectMode: true, highWaterMark: 1 });
    this.#source = source;
  }

  override _read(): void {
    void this.#pull();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    void endOf(this.#iterator);
    done(error);
  }

  async #pull(): Promise<void> {
    try {
      this.#iterator ??= iteratorOf(this.#source);
      const { done, value } = await this.#iterator.next();
      if (done) this.#iterator = undefined;
      // A copy, as a source may yield the same buffer again and again.
      this.push(done ? null : isPacket(value) ? Uint8Array.from(value) : value);
    } catch (error) {
      this.destroy(toError(error));
    }
  }
}

interface PacketIterator {
  next(): Promise<{ readonly done?: boolean | undefined; readonly value?: unknown }>;
  return?(): Promise<unknown>;
}

/** The iterator of a ReadableStream would wait for the requested packet before it ends. */
function iteratorOf(
  iterable: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>,
): PacketIterator {
  if (!('getReader' in iterable)) return iterable[Symbol.asyncIterator]();
  const reader = iterable.getReader();
  return { next: () => reader.read(), return: () => reader.cancel() };
}

async function endOf(iterator: PacketIterator | undefined): Promise<void> {
  try {
    await iterator?.return?.();
  } catch {
    // The creator of the stream learns of the error; nothing reads from it any more.
  }
}
