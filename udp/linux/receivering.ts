import type { Endpoint } from '../../protocol/dataplane.js';
import { libc } from '../../system/linux/libc.js';
import { AF_INET, decodeSockaddr } from '../../system/sockaddr.js';
import { CACHED_ADDRESSES, MAX_DATAGRAM, MessageHeaders, NAME_SIZE, STRIDE } from './messages.js';
import { ownAddresses } from './ownaddress.js';

const RECEIVE_BATCH = 16;

/**
 * Receives up to 16 buffers of one socket with one call; each holds one datagram or several joined
 * ones.
 */
export class ReceiveRing {
  readonly #fd: number;
  readonly #headers = new MessageHeaders(RECEIVE_BATCH);
  readonly #buffers: Uint8Array[];
  /** The last view of each buffer: most datagrams have the size of the one before. */
  readonly #views: Uint8Array[];
  /** By our own address, and then by the source. */
  readonly #endpoints = new Map<number | string, Map<number | string, Endpoint>>();
  #remembered = 0;
  #filled = 0;

  constructor(fd: number, nameSize: number) {
    this.#fd = fd;
    // Only touched pages take memory.
    const memory = new ArrayBuffer(RECEIVE_BATCH * STRIDE);
    const base = Number(libc().addressOf(memory));
    this.#buffers = Array.from({ length: RECEIVE_BATCH }, (_, i) => {
      this.#headers.setBuffer(i, base + i * STRIDE, MAX_DATAGRAM);
      this.#headers.setNameLength(i, nameSize);
      this.#headers.openControls(i);
      return new Uint8Array(memory, i * STRIDE, MAX_DATAGRAM);
    });
    this.#views = [...this.#buffers];
  }

  /** Returns the number of filled buffers, or -1 (see `errno`). */
  receive(): number {
    for (let i = 0; i < this.#filled; i++) this.#headers.openControls(i);
    const count = libc().recvmmsg(this.#fd, this.#headers.bytes, RECEIVE_BATCH, 0, null);
    this.#filled = Math.max(0, count);
    return count;
  }

  /** Calls `onDatagram` for each datagram of buffer `i`. Returns false when one was cut off. */
  datagrams(i: number, onDatagram: (bytes: Uint8Array, from: Endpoint) => void): boolean {
    if (this.#headers.isTruncated(i)) return false;
    const length = this.#headers.length(i);
    const { segmentSize: size, ownAddress } = this.#headers.controls(i);
    const from = this.#source(i, ownAddress);
    if (size === undefined || size >= length) {
      onDatagram(this.#view(i, length), from);
      return true;
    }
    const buffer = this.#buffers[i] as Uint8Array;
    for (let start = 0; start < length; start += size)
      onDatagram(buffer.subarray(start, Math.min(start + size, length)), from);
    return true;
  }

  #view(i: number, length: number): Uint8Array {
    const last = this.#views[i] as Uint8Array;
    if (last.length === length) return last;
    const view = (this.#buffers[i] as Uint8Array).subarray(0, length);
    this.#views[i] = view;
    return view;
  }

  /**
   * Returns the source of a buffer; the same object for the same source and own address while it is
   * remembered.
   */
  #source(i: number, ownAddress: number | undefined): Endpoint {
    const isV4 = this.#isV4(i);
    const ownKey = ownAddress === undefined ? '' : this.#headers.ownAddressKey(isV4, ownAddress);
    const key = this.#sourceKey(i);
    const known = this.#endpoints.get(ownKey);
    const found = known?.get(key);
    if (found) return found;
    const endpoint = decodeSockaddr(this.#headers.name(i));
    if (ownAddress !== undefined)
      ownAddresses.set(endpoint, this.#headers.ownAddressOf(isV4, ownAddress));
    if (++this.#remembered > CACHED_ADDRESSES) {
      this.#endpoints.clear();
      this.#remembered = 1;
    }
    const sources = this.#endpoints.get(ownKey) ?? new Map<number | string, Endpoint>();
    this.#endpoints.set(ownKey, sources.set(key, endpoint));
    return endpoint;
  }

  #isV4(i: number): boolean {
    return ((this.#headers.nameWords[(i * NAME_SIZE) / 4] as number) & 0xffff) === AF_INET;
  }

  #sourceKey(i: number): number | string {
    const words = this.#headers.nameWords;
    const at = (i * NAME_SIZE) / 4;
    const first = words[at] as number;
    if ((first & 0xffff) === AF_INET) return (first >>> 16) * 2 ** 32 + (words[at + 1] as number);
    // Without the flow label, which differs between datagrams of one source.
    return `${first >>> 16},${words[at + 2]},${words[at + 3]},${words[at + 4]},${words[at + 5]},${words[at + 6]}`;
  }
}
