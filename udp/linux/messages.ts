import { libc } from '../../system/linux/libc.js';
import { AF_INET } from '../../system/sockaddr.js';

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
  /** struct cmsghdr, which is followed by its data, padded to a multiple of 8 bytes. */
  cmsgLength: 0,
  cmsgLevel: 8,
  cmsgType: 12,
  cmsgData: 16,
  /** struct in_pktinfo and in6_pktinfo, and our own address in them. */
  pktinfo: 12,
  pktinfoAddress: 4,
  pktinfo6: 20,
  pktinfo6Index: 16,
} as const;

// linux/in.h, linux/in6.h
const IPPROTO_IP = 0;
const IP_TOS = 1;
const IP_PKTINFO = 8;
const IPPROTO_IPV6 = 41;
const IPV6_PKTINFO = 50;
const IPV6_TCLASS = 67;

// linux/udp.h
export const SOL_UDP = 17;
export const UDP_SEGMENT = 103;
export const UDP_GRO = 104;

const MSG_TRUNC = 0x20;
export const NAME_SIZE = 32;
/** Room for the control messages of one datagram: of the three that there can be, the two largest. */
const CONTROLS_SIZE = 96;
const IOVECS = 2;

/** Not a power of two: buffers at equal offsets would compete for the same lines of the cache. */
export const STRIDE: number = 65_536 + 37 * 64;
export const MAX_DATAGRAM = 65_535;
export const CACHED_ADDRESSES = 4096;

/** What a received buffer says besides its content. */
export interface ReceivedControls {
  /** Size of the datagrams that the system joined in the buffer, or undefined for a single one. */
  readonly segmentSize: number | undefined;
  /** Start of our own address in `controlBytes`; undefined if it is not told. */
  readonly ownAddress: number | undefined;
}

/** The structs of `count` messages, each with two iovecs, a name and control messages, at fixed addresses. */
export class MessageHeaders {
  readonly bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #all: Uint8Array;
  readonly #names: Uint8Array;
  readonly nameWords: Uint32Array;
  readonly #iovecs: number;
  readonly #controls: number;

  constructor(count: number) {
    const names = count * (Layout.mmsghdr + IOVECS * Layout.iovec);
    const controls = names + count * NAME_SIZE;
    const memory = new ArrayBuffer(controls + count * CONTROLS_SIZE);
    this.#controls = controls;
    this.bytes = new Uint8Array(memory, 0, count * Layout.mmsghdr);
    this.#all = new Uint8Array(memory);
    this.#words = new Uint32Array(memory);
    this.#names = new Uint8Array(memory, names);
    this.nameWords = new Uint32Array(memory, names);
    this.#iovecs = count * Layout.mmsghdr;
    const base = Number(libc().addressOf(memory));
    for (let i = 0; i < count; i++) {
      const header = i * Layout.mmsghdr;
      this.#setPointer(header + Layout.name, base + names + i * NAME_SIZE);
      this.#setPointer(header + Layout.iov, base + this.#iovecs + i * IOVECS * Layout.iovec);
      this.#setPointer(header + Layout.control, base + controls + i * CONTROLS_SIZE);
      this.#words[(header + Layout.iovCount) / 4] = 1;
    }
  }

  setBuffer(i: number, address: number, length: number): void {
    this.#words[(i * Layout.mmsghdr + Layout.iovCount) / 4] = 1;
    this.#setIovec(IOVECS * i, address, length);
  }

  /** Continues the content in a second buffer. */
  setSecondBuffer(i: number, address: number, length: number): void {
    this.#words[(i * Layout.mmsghdr + Layout.iovCount) / 4] = 2;
    this.#setIovec(IOVECS * i + 1, address, length);
  }

  #setIovec(iovec: number, address: number, length: number): void {
    const at = this.#iovecs + iovec * Layout.iovec;
    this.#setPointer(at + Layout.iovBase, address);
    this.#words[(at + Layout.iovLength) / 4] = length;
  }

  setName(i: number, name: Uint8Array): void {
    this.#names.set(name, i * NAME_SIZE);
    this.setNameLength(i, name.length);
  }

  setNameLength(i: number, length: number): void {
    this.#words[(i * Layout.mmsghdr + Layout.nameLength) / 4] = length;
  }

  clearControls(i: number): void {
    this.#setControlLength(i, 0);
  }

  /** Makes room for all control messages that can be received. */
  openControls(i: number): void {
    this.#setControlLength(i, CONTROLS_SIZE);
  }

  /** Lets the system cut the buffer into datagrams of `size` bytes. */
  addSegmentSize(i: number, size: number): void {
    this.#addNumber(i, SOL_UDP, UDP_SEGMENT, 2, size);
  }

  addTrafficClass(i: number, family: number, trafficClass: number): void {
    if (family === AF_INET) this.#addNumber(i, IPPROTO_IP, IP_TOS, 4, trafficClass);
    else this.#addNumber(i, IPPROTO_IPV6, IPV6_TCLASS, 4, trafficClass);
  }

  /** `own`: see `ownAddressOf`. */
  addOwnAddress(i: number, own: Uint8Array): void {
    const isV4 = own.length === Layout.pktinfo;
    const at = isV4
      ? this.#addHeader(i, IPPROTO_IP, IP_PKTINFO, own.length)
      : this.#addHeader(i, IPPROTO_IPV6, IPV6_PKTINFO, own.length);
    this.#all.set(own, at);
  }

  #addNumber(i: number, level: number, type: number, size: number, value: number): void {
    this.#words[this.#addHeader(i, level, type, size) / 4] = value;
  }

  /** Returns the offset of the data. */
  #addHeader(i: number, level: number, type: number, size: number): number {
    const used = this.#controlLength(i);
    const at = this.#controls + i * CONTROLS_SIZE + used;
    this.#words[(at + Layout.cmsgLength) / 4] = Layout.cmsgData + size;
    this.#words[(at + Layout.cmsgLength) / 4 + 1] = 0;
    this.#words[(at + Layout.cmsgLevel) / 4] = level;
    this.#words[(at + Layout.cmsgType) / 4] = type;
    this.#setControlLength(i, used + Layout.cmsgData + ((size + 7) & ~7));
    return at + Layout.cmsgData;
  }

  #controlLength(i: number): number {
    return this.#words[(i * Layout.mmsghdr + Layout.controlLength) / 4] as number;
  }

  #setControlLength(i: number, length: number): void {
    this.#words[(i * Layout.mmsghdr + Layout.controlLength) / 4] = length;
  }

  /** The control messages of a received buffer. */
  controls(i: number): ReceivedControls {
    const start = this.#controls + i * CONTROLS_SIZE;
    const end = start + this.#controlLength(i);
    let segmentSize: number | undefined;
    let ownAddress: number | undefined;
    for (let at = start; at + Layout.cmsgData <= end; ) {
      const length = this.#words[at / 4] as number;
      if (length < Layout.cmsgData || length > end - at) break;
      const level = this.#words[(at + Layout.cmsgLevel) / 4];
      const type = this.#words[(at + Layout.cmsgType) / 4];
      const data = at + Layout.cmsgData;
      if (level === SOL_UDP && type === UDP_GRO) segmentSize = this.#words[data / 4];
      else if (level === IPPROTO_IP && type === IP_PKTINFO) ownAddress = data;
      else if (level === IPPROTO_IPV6 && type === IPV6_PKTINFO) ownAddress = data;
      at += (length + 7) & ~7;
    }
    return { segmentSize, ownAddress };
  }

  /** Returns a key for our own address in `ReceivedControls.ownAddress`. */
  ownAddressKey(isV4: boolean, at: number): number | string {
    const word = (offset: number): number => this.#words[(at + offset) / 4] as number;
    if (isV4) return word(Layout.pktinfoAddress);
    return `${word(0)},${word(4)},${word(8)},${word(12)},${word(Layout.pktinfo6Index)}`;
  }

  /**
   * Returns our own address in `ReceivedControls.ownAddress` as a struct that makes the system send from
   * it. It has no interface unless the address is link-local, so that datagrams follow a change of routes
   * at once.
   */
  ownAddressOf(isV4: boolean, at: number): Uint8Array {
    const own = this.#all.slice(at, at + (isV4 ? Layout.pktinfo : Layout.pktinfo6));
    if (isV4) own.fill(0, 0, Layout.pktinfoAddress);
    else if (own[0] !== 0xfe || ((own[1] as number) & 0xc0) !== 0x80)
      own.fill(0, Layout.pktinfo6Index);
    return own;
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
