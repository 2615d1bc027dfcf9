import { lastError, Win32Error } from '../../../system/windows/win32.js';
import {
  WINTUN_MAX_IP_PACKET_SIZE,
  WINTUN_MAX_RING_CAPACITY,
  WINTUN_MIN_RING_CAPACITY,
} from './constants.js';
import { WintunError } from './errors.js';
import type { Address, WintunLibrary } from './library.js';

/** Packets in and out of an adapter. */
export class WintunSession {
  readonly #library: WintunLibrary;
  readonly #size = new Uint32Array(1);
  readonly #sizeBytes = new Uint8Array(this.#size.buffer);
  #handle: Address;
  /** Number of packets that found the ring full. */
  dropped = 0;

  private constructor(library: WintunLibrary, handle: Address) {
    this.#library = library;
    this.#handle = handle;
  }

  /** Used by `WintunAdapter.startSession`. Throws RangeError and TunError. */
  static start(library: WintunLibrary, adapter: Address, capacity: number): WintunSession {
    checkCapacity(capacity);
    const handle = library.WintunStartSession(adapter, capacity);
    if (handle === 0) throw new WintunError('WintunStartSession', lastError());
    return new WintunSession(library, handle);
  }

  get isActive(): boolean {
    return this.#handle !== 0;
  }

  /** Handle for a data plane that works with the rings itself; 0 after the end. */
  get address(): Address {
    return this.#handle;
  }

  /**
   * Returns an event that is signalled when packets arrive after `receive` has returned 0. It belongs
   * to the session: wait on it, but never close it.
   */
  readWaitEvent(): Address {
    return this.#library.WintunGetReadWaitEvent(this.#active());
  }

  /**
   * Copies the next packet into `into`, which has room for WINTUN_MAX_IP_PACKET_SIZE bytes. Returns its
   * length, or 0 when there is none. Throws TunError: the adapter is gone (ERROR_HANDLE_EOF) or the
   * ring corrupt (ERROR_INVALID_DATA).
   */
  receive(into: Uint8Array): number {
    if (into.length < WINTUN_MAX_IP_PACKET_SIZE) throw new RangeError('too little room');
    const session = this.#active();
    const packet = this.#library.WintunReceivePacket(session, this.#sizeBytes);
    if (packet === 0) {
      const code = lastError();
      if (code === Win32Error.ERROR_NO_MORE_ITEMS) return 0;
      throw new WintunError('WintunReceivePacket', code);
    }
    const size = this.#size[0] as number;
    this.#library.copyFrom(into, packet, size);
    this.#library.WintunReleaseReceivePacket(session, packet);
    return size;
  }

  /**
   * Returns false when the ring was full: the packet is dropped and counted, as by any interface.
   * Throws TunError when the adapter is gone.
   */
  send(packet: Uint8Array): boolean {
    if (packet.length === 0 || packet.length > WINTUN_MAX_IP_PACKET_SIZE)
      throw new RangeError(`a packet has 1 to ${WINTUN_MAX_IP_PACKET_SIZE} bytes`);
    const session = this.#active();
    const memory = this.#library.WintunAllocateSendPacket(session, packet.length);
    if (memory === 0) {
      const code = lastError();
      if (code !== Win32Error.ERROR_BUFFER_OVERFLOW)
        throw new WintunError('WintunAllocateSendPacket', code);
      this.dropped++;
      return false;
    }
    this.#library.copyTo(memory, packet, packet.length);
    this.#library.WintunSendPacket(session, memory);
    return true;
  }

  /**
   * To be called before the adapter is closed, and when no other thread uses the session. Idempotent.
   */
  end(): void {
    if (this.#handle === 0) return;
    const handle = this.#handle;
    this.#handle = 0;
    this.#library.WintunEndSession(handle);
  }

  #active(): Address {
    if (this.#handle === 0) throw new Error('the session has ended');
    return this.#handle;
  }
}

function checkCapacity(capacity: number): void {
  const isPowerOfTwo = Number.isInteger(Math.log2(capacity));
  if (isPowerOfTwo && capacity >= WINTUN_MIN_RING_CAPACITY && capacity <= WINTUN_MAX_RING_CAPACITY)
    return;
  throw new RangeError(
    `the capacity of a ring is a power of two from ${WINTUN_MIN_RING_CAPACITY} to ${WINTUN_MAX_RING_CAPACITY} bytes, not ${capacity}`,
  );
}
