import { getSystemErrorName } from 'node:util';
import type { Endpoint } from '../../protocol/dataplane.js';
import { Errno, libc } from '../../system/linux/libc.js';
import { encodeSockaddr } from '../../system/sockaddr.js';
import {
  CACHED_ADDRESSES,
  MAX_DATAGRAM,
  MessageHeaders,
  SOL_UDP,
  UDP_SEGMENT,
} from './messages.js';
import { ownAddresses } from './ownaddress.js';

/** Maximum number of datagrams that Linux before 6.9 cuts out of one buffer, and their total bytes. */
const MAX_SEGMENTS = 64;
const MAX_SEGMENTED_BYTES = 65_000;

const SEND_BATCH = 64;
const SEND_ARENA = 128 * 1024;
/** No checksum offload on the way, an old kernel, or a path whose MTU is smaller than a datagram. */
const JOINING_REFUSED: ReadonlySet<number> = new Set([Errno.EIO, Errno.EINVAL, Errno.EMSGSIZE]);
/** Our own address or its interface is gone, or no route leads from it to the target. */
const ABOUT_OWN_ADDRESS: ReadonlySet<number> = new Set([
  Errno.EINVAL,
  Errno.ENODEV,
  Errno.ENXIO,
  Errno.EADDRNOTAVAIL,
  Errno.ENETDOWN,
  Errno.ENETUNREACH,
  Errno.EHOSTUNREACH,
]);

interface Queued {
  readonly to: Endpoint;
  readonly name: Uint8Array;
  /** See `ownAddresses`. */
  own: Uint8Array | undefined;
  readonly offset: number;
  readonly length: number;
  readonly trafficClass: number;
}

/**
 * Returns whether the system can cut a buffer into datagrams. Linux before 4.18 ignores the request and
 * sends all of them as a single one.
 */
export function canSegment(fd: number): boolean {
  const length = new Uint8Array(new Uint32Array([4]).buffer);
  return libc().getsockopt(fd, SOL_UDP, UDP_SEGMENT, new Uint8Array(4), length) === 0;
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
  #last:
    | { readonly to: Endpoint; readonly name: Uint8Array; readonly own: Uint8Array | undefined }
    | undefined;
  #used = 0;
  /** Consecutive datagrams of one size are sent as one, which passes through the system only once. */
  #joins: boolean;

  constructor(fd: number, onError: (reason: string, to: Endpoint) => void, joins = true) {
    this.#fd = fd;
    this.#onError = onError;
    this.#joins = joins && canSegment(fd);
  }

  /** Copies `datagram`. */
  push(datagram: Uint8Array, to: Endpoint, trafficClass = 0): void {
    const target = this.#targetOf(to);
    if (!target || datagram.length > MAX_DATAGRAM) {
      this.#onError(target ? 'EMSGSIZE' : 'EINVAL', to);
      return;
    }
    if (this.#used + datagram.length > SEND_ARENA || this.#queue.length === SEND_BATCH)
      this.flush();
    const offset = this.#used;
    this.#arena.set(datagram, offset);
    const { name, own } = target;
    this.#queue.push({ to, name, own, offset, length: datagram.length, trafficClass });
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
      if (ABOUT_OWN_ADDRESS.has(code) && this.#forgetOwnAddress(first)) continue;
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
      this.#last = undefined;
      for (const { reason, to } of failures) this.#onError(reason, to);
    }
  }

  /** Lets the system choose our own address for a target. Returns false where it did already. */
  #forgetOwnAddress(first: number): boolean {
    const { to, own } = this.#queue[first] as Queued;
    if (!own) return false;
    ownAddresses.delete(to);
    this.#last = undefined;
    for (const queued of this.#queue) if (queued.own === own) queued.own = undefined;
    return true;
  }

  /** Returns the number of messages that were sent, or -1 (see `errno`). */
  #sendFrom(first: number): number {
    let messages = 0;
    for (let i = first; i < this.#queue.length; messages++) {
      const count = this.#joins ? this.#runLength(i) : 1;
      const { name, own, offset, length, trafficClass } = this.#queue[i] as Queued;
      const last = this.#queue[i + count - 1] as Queued;
      const bytes = last.offset + last.length - offset;
      this.#headers.setBuffer(messages, this.#arenaAddress + offset, bytes);
      this.#headers.setName(messages, name);
      const family = (name[0] as number) | ((name[1] as number) << 8);
      this.#headers.clearControls(messages);
      if (count > 1) this.#headers.addSegmentSize(messages, length);
      else if (trafficClass !== 0) this.#headers.addTrafficClass(messages, family, trafficClass);
      if (own) this.#headers.addOwnAddress(messages, own);
      this.#counts[messages] = count;
      i += count;
    }
    return libc().sendmmsg(this.#fd, this.#headers.bytes, messages, 0);
  }

  /** Returns how many datagrams from `first` on have one target and size; the last may be shorter. */
  #runLength(first: number): number {
    const { to, own, offset, length, trafficClass } = this.#queue[first] as Queued;
    if (trafficClass !== 0) return 1;
    let count = 1;
    for (; count < MAX_SEGMENTS; count++) {
      const next = this.#queue[first + count];
      if (next?.trafficClass !== 0) break;
      if (next.own !== own || next.to.port !== to.port || next.to.address !== to.address) break;
      if (next.length > length || next.length === 0) break;
      if (next.offset + next.length - offset > MAX_SEGMENTED_BYTES) break;
      if (next.length < length) return count + 1;
    }
    return count;
  }

  #targetOf(to: Endpoint): Pick<Queued, 'name' | 'own'> | undefined {
    const last = this.#last;
    if (last && last.to === to) return last;
    const key = `${to.address} ${to.port}`;
    let name = this.#names.get(key);
    if (!name) {
      name = encodeSockaddr(to.address, to.port);
      if (!name) return undefined;
      if (this.#names.size >= CACHED_ADDRESSES) this.#names.clear();
      this.#names.set(key, name);
    }
    this.#last = { to, name, own: ownAddresses.get(to) };
    return this.#last;
  }
}
