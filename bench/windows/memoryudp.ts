import type { UdpHandlers, UdpTransport } from '../../udp/open.js';

const BATCH = 64;
const FROM = { address: '127.0.0.1', port: 9 };

/** Sockets without a network for the portable data plane, as winsock.c is for the native one. */
export class MemoryUdp implements UdpTransport {
  readonly implementation = 'memory';
  readonly port = 0;
  readonly hasIpv6 = false;
  readonly counters = { sendErrors: 0, receiveErrors: 0 };
  #handlers: UdpHandlers | undefined;

  start(handlers: UdpHandlers): void {
    this.#handlers = handlers;
  }

  send(): void {}

  setMark(): void {}

  async close(): Promise<void> {
    this.#handlers = undefined;
  }

  /** Delivers datagrams of `stride` bytes, one after the other; a batch in each turn of the event loop. */
  feed(datagrams: Uint8Array, stride: number): void {
    let at = 0;
    const deliver = (): void => {
      if (!this.#handlers) return;
      const end = Math.min(datagrams.length, at + BATCH * stride);
      for (; at < end; at += stride)
        this.#handlers.onDatagram(datagrams.subarray(at, at + stride), FROM);
      this.#handlers.onBatchEnd?.();
      if (at < datagrams.length) setImmediate(deliver);
    };
    setImmediate(deliver);
  }
}
