import type { Tun } from './tun.js';

const DEFAULT_CAPACITY = 1024;
const BATCH = 64;

/** Options of an interface in memory. */
export interface MemoryTunOptions {
  /** By default `memory`; a pair has `memory0` and `memory1`. */
  readonly name?: string;
  /** Maximum number of waiting packets in each direction; further ones are dropped. */
  readonly capacity?: number;
}

/**
 * An interface without an operating system. Packets are delivered asynchronously, in batches, and in
 * buffers that are wiped after the call, so that code which keeps one notices it.
 */
export class MemoryTun implements Tun {
  /** The interface's name. */
  readonly name: string;
  /** Copies of what was written, oldest first; the test may empty it (`received.length = 0`). */
  readonly received: Uint8Array[] = [];
  /** Number of packets that were dropped because the queue was full. */
  dropped = 0;
  readonly #capacity: number;
  #queue: Uint8Array[] = [];
  #sink: ((packet: Uint8Array) => boolean) | undefined;
  #onPackets: ((packets: readonly Uint8Array[]) => void) | undefined;
  #onError: ((error: Error) => void) | undefined;
  #onEnd: (() => void) | undefined;
  #onClose: (() => void) | undefined;
  #hasEnded = false;
  #scheduled = false;
  #closed = false;

  /** Packets that are injected wait until `start`. */
  constructor(options: MemoryTunOptions = {}) {
    this.name = options.name ?? 'memory';
    this.#capacity = options.capacity ?? DEFAULT_CAPACITY;
  }

  /** Sends what is written to `sink` instead of `received`; `sink` copies what it keeps. */
  connect(sink: (packet: Uint8Array) => boolean): void {
    this.#sink = sink;
  }

  /** Whether `close` was called; then no packets are delivered or accepted. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Like `Tun.start`. Throws Error when it has already been started. */
  start(
    onPackets: (packets: readonly Uint8Array[]) => void,
    onError: (error: Error) => void,
    onEnd?: () => void,
  ): void {
    if (this.#onPackets) throw new Error('this interface has already been started');
    this.#onPackets = onPackets;
    this.#onError = onError;
    this.#onEnd = onEnd;
    this.#schedule();
  }

  /** Like `Tun.write`: a copy goes to `received`, or `packet` to the sink of `connect`. */
  write(packet: Uint8Array): boolean {
    if (this.#closed) return false;
    if (this.#sink) return this.#sink(packet);
    if (this.received.length >= this.#capacity) {
      this.dropped++;
      return false;
    }
    this.received.push(packet.slice());
    return true;
  }

  /**
   * The system sends `packet` into the interface: it is delivered later. Returns false when it is
   * dropped.
   */
  inject(packet: Uint8Array): boolean {
    if (this.#closed || this.#hasEnded) return false;
    if (this.#queue.length >= this.#capacity) {
      this.dropped++;
      return false;
    }
    this.#queue.push(packet.slice());
    this.#schedule();
    return true;
  }

  /** Makes the interface fail, as when it is deleted from outside. */
  fail(error: Error): void {
    if (this.#closed) return;
    this.#queue = [];
    this.#onPackets = undefined;
    const onError = this.#onError;
    setImmediate(() => {
      if (!this.#closed) onError?.(error);
    });
  }

  /**
   * No packet will come any more: `onEnd` is called when the waiting ones are delivered. Idempotent.
   */
  end(): void {
    this.#hasEnded = true;
    this.#schedule();
  }

  /** Drops the waiting packets and notifies `watch`. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#onClose?.();
  }

  /** Calls `onClose` when this end is closed. */
  watch(onClose: () => void): void {
    this.#onClose = onClose;
  }

  #schedule(): void {
    const isIdle = this.#queue.length === 0 && !(this.#hasEnded && this.#onEnd);
    if (this.#scheduled || this.#closed || !this.#onPackets || isIdle) return;
    this.#scheduled = true;
    setImmediate(() => this.#deliver());
  }

  #deliver(): void {
    this.#scheduled = false;
    if (this.#closed || !this.#onPackets) return;
    const batch = this.#queue.splice(0, BATCH);
    try {
      if (batch.length > 0) this.#onPackets(batch);
    } finally {
      for (const packet of batch) packet.fill(0);
      this.#endIfDone();
      this.#schedule();
    }
  }

  #endIfDone(): void {
    if (!this.#hasEnded || this.#queue.length > 0) return;
    const onEnd = this.#onEnd;
    this.#onEnd = undefined;
    onEnd?.();
  }
}

/** Returns two connected interfaces: what is written to one is delivered by the other. */
export function memoryTunPair(options: MemoryTunOptions = {}): [MemoryTun, MemoryTun] {
  const name = options.name ?? 'memory';
  const a = new MemoryTun({ ...options, name: `${name}0` });
  const b = new MemoryTun({ ...options, name: `${name}1` });
  a.connect((packet) => b.inject(packet));
  b.connect((packet) => a.inject(packet));
  a.watch(() => b.end());
  b.watch(() => a.end());
  return [a, b];
}
