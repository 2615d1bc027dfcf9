import { getSystemErrorName } from 'node:util';
import type { Endpoint } from '../../protocol/dataplane.js';
import { Errno, libc } from '../../system/linux/libc.js';
import { AF_INET, decodeSockaddr, encodeSockaddr } from '../../system/sockaddr.js';

/** How sendmmsg(2) and recvmmsg(2) lay out memory on 64-bit little-endian Linux. Sizes in bytes. */
export const Layout = {
  mmsghdr: 64,
  name: 0,
  nameLength: 8,
  iov: 16,
  iovCount: 24,
  control: 32,
  controlLength: 40,
  flags: 48,
  length: 56,
  iovec: 16,
  iovBase: 0,
  iovLength: 8,
  /** struct cmsghdr, and the room of one with up to eight bytes of data. */
  cmsgLength: 0,
  cmsgLevel: 8,
  cmsgType: 12,
  cmsgData: 16,
  cmsgSpace: 24,
} as const;

// linux/in.h, linux/in6.h
const IPPROTO_IP = 0;
const IP_TOS = 1;
const IPPROTO_IPV6 = 41;
const IPV6_TCLASS = 67;

// linux/udp.h
export const SOL_UDP = 17;
export const UDP_GRO = 104;
const UDP_SEGMENT = 103;
/** Maximum number of datagrams that Linux before 6.9 cuts out of one buffer, and their total bytes. */
const MAX_SEGMENTS = 64;
const MAX_SEGMENTED_BYTES = 65_000;

const MSG_TRUNC = 0x20;
const NAME_SIZE = 32;
const RECEIVE_BATCH = 16;
const SEND_BATCH = 64;
const SEND_ARENA = 128 * 1024;
const MAX_DATAGRAM = 65_535;
/** Not a power of two: buffers at equal offsets would compete for the same lines of the cache. */
const STRIDE = 65_536 + 37 * 64;
const CACHED_ADDRESSES = 4096;
/** No checksum offload on the way, an old kernel, or a path whose MTU is smaller than a datagram. */
const JOINING_REFUSED: ReadonlySet<number> = new Set([Errno.EIO, Errno.EINVAL, Errno.EMSGSIZE]);

/**
 * The structs of `count` messages, each with one iovec, name and control message, at fixed addresses.
 */
class MessageHeaders {
  readonly bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #names: Uint8Array;
  readonly nameWords: Uint32Array;
  readonly #iovecs: number;
  readonly #controls: number;

  constructor(count: number) {
    const names = count * (Layout.mmsghdr + Layout.iovec);
    const controls = names + count * NAME_SIZE;
    const memory = new ArrayBuffer(controls + count * Layout.cmsgSpace);
    this.#controls = controls;
    this.bytes = new Uint8Array(memory, 0, count * Layout.mmsghdr);
    this.#words = new Uint32Array(memory);
    this.#names = new Uint8Array(memory, names);
    this.nameWords = new Uint32Array(memory, names);
    this.#iovecs = count * Layout.mmsghdr;
    const base = Number(libc().addressOf(memory));
    for (let i = 0; i < count; i++) {
      const header = i * Layout.mmsghdr;
      this.#setPointer(header + Layout.name, base + names + i * NAME_SIZE);
      this.#setPointer(header + Layout.iov, base + this.#iovecs + i * Layout.iovec);
      this.#setPointer(header + Layout.control, base + controls + i * Layout.cmsgSpace);
      this.#words[(header + Layout.iovCount) / 4] = 1;
    }
  }

  setBuffer(i: number, address: number, length: number): void {
    const iovec = this.#iovecs + i * Layout.iovec;
    this.#setPointer(iovec + Layout.iovBase, address);
    this.#words[(iovec + Layout.iovLength) / 4] = length;
  }

  setName(i: number, name: Uint8Array): void {
    this.#names.set(name, i * NAME_SIZE);
    this.setNameLength(i, name.length);
  }

  setNameLength(i: number, length: number): void {
    this.#words[(i * Layout.mmsghdr + Layout.nameLength) / 4] = length;
  }

  /** Lets the system cut the buffer into datagrams of `size` bytes. */
  setSegmentSize(i: number, size: number): void {
    this.#setControl(i, SOL_UDP, UDP_SEGMENT, 2, size);
  }

  setTrafficClass(i: number, family: number, trafficClass: number): void {
    if (family === AF_INET) this.#setControl(i, IPPROTO_IP, IP_TOS, 4, trafficClass);
    else this.#setControl(i, IPPROTO_IPV6, IPV6_TCLASS, 4, trafficClass);
  }

  #setControl(i: number, level: number, type: number, size: number, value: number): void {
    const control = (this.#controls + i * Layout.cmsgSpace) / 4;
    this.setControlLength(i, Layout.cmsgSpace);
    this.#words[control + Layout.cmsgLength / 4] = Layout.cmsgData + size;
    this.#words[control + Layout.cmsgLevel / 4] = level;
    this.#words[control + Layout.cmsgType / 4] = type;
    this.#words[control + Layout.cmsgData / 4] = value;
  }

  /** The room for a control message, or the length of a received one. */
  setControlLength(i: number, length: number): void {
    this.#words[(i * Layout.mmsghdr + Layout.controlLength) / 4] = length;
  }

  /**
   * Returns the size of the datagrams that the system joined in the buffer, or undefined for a single
   * one.
   */
  segmentSize(i: number): number | undefined {
    if (this.#words[(i * Layout.mmsghdr + Layout.controlLength) / 4] === 0) return undefined;
    const control = (this.#controls + i * Layout.cmsgSpace) / 4;
    const isGro =
      this.#words[control + Layout.cmsgLevel / 4] === SOL_UDP &&
      this.#words[control + Layout.cmsgType / 4] === UDP_GRO;
    return isGro ? this.#words[control + Layout.cmsgData / 4] : undefined;
  }

  name(i: number): Uint8Array {
    return this.#names.subarray(i * NAME_SIZE, (i + 1) * NAME_SIZE);
  }

  length(i: number): number {
    return this.#words[(i * Layout.mmsghdr + Layout.length) / 4] as number;
  }

  isTruncated(i: number): boolean {
    return ((this.#words[(i * Layout.mmsghdr + Layout.flags) / 4] as number) & MSG_TRUNC) !== 0;
  }

  #setPointer(offset: number, address: number): void {
    this.#words[offset / 4] = address >>> 0;
    this.#words[offset / 4 + 1] = Math.floor(address / 2 ** 32);
  }
}

interface Queued {
  readonly to: Endpoint;
  readonly name: Uint8Array;
  readonly offset: number;
  readonly length: number;
  readonly trafficClass: number;
}

/** Collects datagrams of one socket and sends them with one call. */
export class SendQueue {
  readonly #fd: number;
  readonly #onError: (reason: string, to: Endpoint) => void;
  readonly #headers = new MessageHeaders(SEND_BATCH);
  readonly #arena = new Uint8Array(new ArrayBuffer(SEND_ARENA));
  readonly #arenaAddress = Number(libc().addressOf(this.#arena.buffer));
  readonly #queue: Queued[] = [];
  /** Number of datagrams in each message of the current call. */
  readonly #counts: number[] = [];
  readonly #names = new Map<string, Uint8Array>();
  #lastName: { readonly to: Endpoint; readonly name: Uint8Array } | undefined;
  #used = 0;
  /** Consecutive datagrams of one size are sent as one, which passes through the system only once. */
  #joins: boolean;

  constructor(fd: number, onError: (reason: string, to: Endpoint) => void, joins = true) {
    this.#fd = fd;
    this.#onError = onError;
    this.#joins = joins;
  }

  /** Copies `datagram`. */
  push(datagram: Uint8Array, to: Endpoint, trafficClass = 0): void {
    const name = this.#nameOf(to);
    if (!name || datagram.length > MAX_DATAGRAM) {
      this.#onError(name ? 'EMSGSIZE' : 'EINVAL', to);
      return;
    }
    if (this.#used + datagram.length > SEND_ARENA || this.#queue.length === SEND_BATCH)
      this.flush();
    const offset = this.#used;
    this.#arena.set(datagram, offset);
    this.#queue.push({ to, name, offset, length: datagram.length, trafficClass });
    this.#used += datagram.length;
  }

  /** Sends all datagrams. One that the system refuses is reported, and those behind it are sent. */
  flush(): void {
    const failures: { reason: string; to: Endpoint }[] = [];
    for (let first = 0; first < this.#queue.length; ) {
      const sent = this.#sendFrom(first);
      if (sent > 0) {
        for (let i = 0; i < sent; i++) first += this.#counts[i] as number;
        continue;
      }
      const code = libc().errno();
      if (code === Errno.EINTR) continue;
      const refused = this.#counts[0] as number;
      if (refused > 1 && JOINING_REFUSED.has(code)) {
        this.#joins = false;
        continue;
      }
      // The socket's queue is full: as with a full queue anywhere on the way, the rest is lost.
      const end = code === Errno.EAGAIN ? this.#queue.length : first + refused;
      const reason = getSystemErrorName(-code);
      for (; first < end; first++) failures.push({ reason, to: (this.#queue[first] as Queued).to });
    }
    this.#queue.length = 0;
    this.#used = 0;
    if (failures.length > 0) {
      // They may contain an outdated interface index.
      this.#names.clear();
      this.#lastName = undefined;
      for (const { reason, to } of failures) this.#onError(reason, to);
    }
  }

  /** Returns the number of messages that were sent, or -1 (see `errno`). */
  #sendFrom(first: number): number {
    let messages = 0;
    for (let i = first; i < this.#queue.length; messages++) {
      const count = this.#joins ? this.#runLength(i) : 1;
      const { name, offset, length, trafficClass } = this.#queue[i] as Queued;
      const last = this.#queue[i + count - 1] as Queued;
      const bytes = last.offset + last.length - offset;
      this.#headers.setBuffer(messages, this.#arenaAddress + offset, bytes);
      this.#headers.setName(messages, name);
      const family = (name[0] as number) | ((name[1] as number) << 8);
      if (count > 1) this.#headers.setSegmentSize(messages, length);
      else if (trafficClass !== 0) this.#headers.setTrafficClass(messages, family, trafficClass);
      else this.#headers.setControlLength(messages, 0);
      this.#counts[messages] = count;
      i += count;
    }
    return libc().sendmmsg(this.#fd, this.#headers.bytes, messages, 0);
  }

  /** Returns how many datagrams from `first` on have one target and size; the last may be shorter. */
  #runLength(first: number): number {
    const { to, offset, length, trafficClass } = this.#queue[first] as Queued;
    if (trafficClass !== 0) return 1;
    let count = 1;
    for (; count < MAX_SEGMENTS; count++) {
      const next = this.#queue[first + count];
      if (next?.trafficClass !== 0) break;
      if (next.to.port !== to.port || next.to.address !== to.address) break;
      if (next.length > length || next.length === 0) break;
      if (next.offset + next.length - offset > MAX_SEGMENTED_BYTES) break;
      if (next.length < length) return count + 1;
    }
    return count;
  }

  #nameOf(to: Endpoint): Uint8Array | undefined {
    const cached = this.#lastName;
    if (cached && cached.to === to) return cached.name;
    const key = `${to.address} ${to.port}`;
    let name = this.#names.get(key);
    if (!name) {
      name = encodeSockaddr(to.address, to.port);
      if (!name) return undefined;
      if (this.#names.size >= CACHED_ADDRESSES) this.#names.clear();
      this.#names.set(key, name);
    }
    this.#lastName = { to, name };
    return name;
  }
}

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
  readonly #endpoints = new Map<number | string, Endpoint>();
  #filled = 0;

  constructor(fd: number, nameSize: number) {
    this.#fd = fd;
    // Only touched pages take memory.
    const memory = new ArrayBuffer(RECEIVE_BATCH * STRIDE);
    const base = Number(libc().addressOf(memory));
    this.#buffers = Array.from({ length: RECEIVE_BATCH }, (_, i) => {
      this.#headers.setBuffer(i, base + i * STRIDE, MAX_DATAGRAM);
      this.#headers.setNameLength(i, nameSize);
      this.#headers.setControlLength(i, Layout.cmsgSpace);
      return new Uint8Array(memory, i * STRIDE, MAX_DATAGRAM);
    });
    this.#views = [...this.#buffers];
  }

  /** Returns the number of filled buffers, or -1 (see `errno`). */
  receive(): number {
    for (let i = 0; i < this.#filled; i++) this.#headers.setControlLength(i, Layout.cmsgSpace);
    const count = libc().recvmmsg(this.#fd, this.#headers.bytes, RECEIVE_BATCH, 0, null);
    this.#filled = Math.max(0, count);
    return count;
  }

  /** Calls `onDatagram` for each datagram of buffer `i`. Returns false when one was cut off. */
  datagrams(i: number, onDatagram: (bytes: Uint8Array, from: Endpoint) => void): boolean {
    if (this.#headers.isTruncated(i)) return false;
    const length = this.#headers.length(i);
    const size = this.#headers.segmentSize(i);
    const from = this.#source(i);
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

  /** Returns the source of a buffer; the same object for the same source while it is remembered. */
  #source(i: number): Endpoint {
    const key = this.#sourceKey(i);
    let endpoint = this.#endpoints.get(key);
    if (!endpoint) {
      endpoint = decodeSockaddr(this.#headers.name(i));
      if (this.#endpoints.size >= CACHED_ADDRESSES) this.#endpoints.clear();
      this.#endpoints.set(key, endpoint);
    }
    return endpoint;
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
