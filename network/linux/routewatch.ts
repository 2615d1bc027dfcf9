import { closeSync } from 'node:fs';
import { endianness, networkInterfaces } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { isLinkLocal, parseIp } from '../../protocol/ip.js';
import { ofThisThread, readMessages } from '../../system/linux/descriptor.js';
import { libc } from '../../system/linux/libc.js';
import type { Readiness } from '../../system/linux/readiness.js';
import { type NetlinkChange, parseNetlink } from './netlink.js';

// asm-generic: x86-64, arm64, riscv64
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_ROUTE = 0;
/** sizeof(struct sockaddr_nl) */
const SOCKADDR_NL_SIZE = 12;
/** RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR and _IPV6_ROUTE. */
const GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
const ENOBUFS = 105;

const SCOPE_UNIVERSE = 0;
const SCOPE_SITE = 200;

/**
 * Calls `onChange` when an address, a route or a link that has addresses is added or removed, but not
 * for those of the interface `ownName`, and not for repeated notifications. Throws where there is no
 * netlink.
 */
export function watchRoutes(ownName: string, onChange: () => void): Readiness {
  const fd = openSocket();
  try {
    const changes = new ChangeFilter(libc().if_nametoindex(ownName), knownAddresses());
    return listen(fd, changes, onChange);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function listen(fd: number, changes: ChangeFilter, onChange: () => void): Readiness {
  let isOpen = true;
  let hasChanged = false;
  const close = (): void => {
    if (!isOpen) return;
    isOpen = false;
    reading.close();
    closeSync(fd);
  };
  const reading = readMessages(fd, {
    onMessage(bytes) {
      hasChanged = changes.take(parseNetlink(bytes)) || hasChanged;
    },
    onError(errno) {
      // Notifications were lost: one of them may count.
      if (errno === ENOBUFS) hasChanged = true;
      else close();
      return isOpen;
    },
    onBatchEnd() {
      if (!hasChanged) return;
      hasChanged = false;
      onChange();
    },
  });
  return { close };
}

function openSocket(): number {
  const { socket, bind } = libc();
  const opened = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (opened < 0) throw notListening();
  const fd = ofThisThread(opened);
  const address = new DataView(new ArrayBuffer(SOCKADDR_NL_SIZE));
  address.setUint16(0, AF_NETLINK, endianness() === 'LE');
  address.setUint32(8, GROUPS, endianness() === 'LE');
  if (bind(fd, new Uint8Array(address.buffer), SOCKADDR_NL_SIZE) === 0) return fd;
  const error = notListening();
  closeSync(fd);
  throw error;
}

function notListening(): Error {
  return new Error(`no netlink socket: ${getSystemErrorName(-libc().errno())}`);
}

/** Returns the addresses of links that are up, by link index. */
function knownAddresses(): Map<number, string[]> {
  const known = new Map<number, string[]>();
  for (const [name, addresses = []] of Object.entries(networkInterfaces())) {
    const bytes = addresses.flatMap(({ address }) => parseIp(address.split('%')[0] ?? '') ?? []);
    known.set(libc().if_nametoindex(name), bytes.map(idOf));
  }
  return known;
}

function idOf(address: Uint8Array): string {
  return address.join('.');
}

/** Separates changes from repeated notifications, such as those for each router advertisement. */
export class ChangeFilter {
  readonly #own: number;
  readonly #addresses = new Map<number, Set<string>>();
  readonly #running = new Set<number>();

  /**
   * `own`: index of the interface whose changes are ignored. `known`: addresses such as `1.2.3.4…`, by
   * index.
   */
  constructor(own: number, known: ReadonlyMap<number, readonly string[]>) {
    this.#own = own;
    for (const [index, addresses] of known) {
      this.#addresses.set(index, new Set(addresses));
      this.#running.add(index);
    }
  }

  /** Returns whether any of the changes counts. */
  take(changes: readonly NetlinkChange[]): boolean {
    return changes.map((change) => this.#takeOne(change)).includes(true);
  }

  #takeOne(change: NetlinkChange): boolean {
    if (change.index === this.#own) return false;
    if (change.type === 'link') return this.#takeLink(change);
    if (change.type === 'address') return this.#takeAddress(change);
    const { destination } = change;
    return !isLinkLocal({ address: destination, length: destination.length * 8 });
  }

  /** Ignores links without addresses, which belong to bridges and containers. */
  #takeLink({ index, isRunning }: Extract<NetlinkChange, { type: 'link' }>): boolean {
    if (isRunning === this.#running.has(index)) return false;
    if (isRunning) this.#running.add(index);
    else this.#running.delete(index);
    return (this.#addresses.get(index)?.size ?? 0) > 0;
  }

  #takeAddress(change: Extract<NetlinkChange, { type: 'address' }>): boolean {
    const { index, address, isGone, isTentative, scope } = change;
    if (isTentative || (scope !== SCOPE_UNIVERSE && scope !== SCOPE_SITE)) return false;
    const known = this.#addresses.get(index) ?? new Set<string>();
    this.#addresses.set(index, known);
    const id = idOf(address);
    if (isGone) return known.delete(id);
    if (known.has(id)) return false;
    known.add(id);
    return true;
  }
}
