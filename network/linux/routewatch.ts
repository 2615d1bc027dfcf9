import { closeSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { formatIp, isLinkLocal, parseIp } from '../../protocol/ip.js';
import { readMessages } from '../../system/linux/descriptor.js';
import { Errno, libc } from '../../system/linux/libc.js';
import type { Readiness } from '../../system/linux/readiness.js';
import type { NetworkChange } from '../ways.js';
import { type NetlinkChange, parseNetlink } from './netlink.js';
import { openRouteSocket } from './routesocket.js';

/** RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV4_RULE, _IPV6_IFADDR, _IPV6_ROUTE. */
const GROUPS = 0x1 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400;
/** RTNLGRP_IPV6_RULE and RTNLGRP_NEXTHOP, as bits of the same mask. */
const LATER_GROUPS = 2 ** 18 + 2 ** 31;

const SCOPE_UNIVERSE = 0;
const SCOPE_SITE = 200;

/**
 * Calls `onChange` when an address, a route, a policy rule or a link is added, removed or changed, which
 * may have changed the way to any address; but not for those of the interface `ownName`, and not for
 * repeated notifications. Throws where there is no netlink.
 */
export function watchRoutes(ownName: string, onChange: (change: NetworkChange) => void): Readiness {
  const fd = openRouteSocket(GROUPS + LATER_GROUPS);
  try {
    const changes = new ChangeFilter(libc().if_nametoindex(ownName), knownAddresses());
    return listen(fd, changes, onChange);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function listen(
  fd: number,
  changes: ChangeFilter,
  onChange: (change: NetworkChange) => void,
): Readiness {
  let isOpen = true;
  const close = (): void => {
    if (!isOpen) return;
    isOpen = false;
    reading.close();
    closeSync(fd);
  };
  const reading = readMessages(fd, {
    onMessage: (bytes) => changes.take(parseNetlink(bytes)),
    onError(errno) {
      if (errno === Errno.ENOBUFS) changes.takeUnknown();
      else close();
      return isOpen;
    },
    onBatchEnd() {
      const change = changes.collect();
      if (change) onChange(change);
    },
  });
  return { close };
}

/** Returns the addresses of links that are up, by link index. */
function knownAddresses(): Map<number, string[]> {
  const known = new Map<number, string[]>();
  for (const [name, addresses = []] of Object.entries(networkInterfaces())) {
    const bytes = addresses.flatMap(({ address }) => parseIp(address) ?? []);
    known.set(libc().if_nametoindex(name), bytes.map(formatIp));
  }
  return known;
}

/** Separates changes from repeated notifications, such as those for each router advertisement. */
export class ChangeFilter {
  readonly #own: number;
  readonly #addresses = new Map<number, Set<string>>();
  readonly #running = new Set<number>();
  #links = new Map<number, 'up' | 'down' | 'gone'>();
  #lostAddresses = new Set<string>();
  #hasChanged = false;

  /** `own`: index of the interface whose changes are ignored. `known`: addresses by index. */
  constructor(own: number, known: ReadonlyMap<number, readonly string[]>) {
    this.#own = own;
    for (const [index, addresses] of known) {
      this.#addresses.set(index, new Set(addresses));
      this.#running.add(index);
    }
  }

  take(changes: readonly NetlinkChange[]): void {
    for (const change of changes) this.#hasChanged = this.#takeOne(change) || this.#hasChanged;
  }

  /** Notifications were lost: one of them may count. */
  takeUnknown(): void {
    this.#hasChanged = true;
  }

  /** Returns what has changed since the last call; undefined is nothing that counts. */
  collect(): NetworkChange | undefined {
    if (!this.#hasChanged) return undefined;
    const change = { links: this.#links, lostAddresses: this.#lostAddresses };
    this.#links = new Map();
    this.#lostAddresses = new Set();
    this.#hasChanged = false;
    return change;
  }

  #takeOne(change: NetlinkChange): boolean {
    if (change.type === 'policy') return true;
    if (change.index === this.#own) return false;
    if (change.type === 'link') return this.#takeLink(change);
    if (change.type === 'address') return this.#takeAddress(change);
    const { destination } = change;
    return !isLinkLocal({ address: destination, length: destination.length * 8 });
  }

  #takeLink({ index, isRunning, isGone }: Extract<NetlinkChange, { type: 'link' }>): boolean {
    const wasRunning = this.#running.has(index);
    if (isRunning) this.#running.add(index);
    else this.#running.delete(index);
    if (isGone) this.#addresses.delete(index);
    else if (isRunning === wasRunning) return false;
    this.#links.set(index, isGone ? 'gone' : isRunning ? 'up' : 'down');
    return true;
  }

  #takeAddress(change: Extract<NetlinkChange, { type: 'address' }>): boolean {
    const { index, address, isGone, isTentative, scope } = change;
    if (isTentative || (scope !== SCOPE_UNIVERSE && scope !== SCOPE_SITE)) return false;
    const known = this.#addresses.get(index) ?? new Set<string>();
    this.#addresses.set(index, known);
    const text = formatIp(address);
    if (isGone) {
      if (!known.delete(text)) return false;
      this.#lostAddresses.add(text);
      return true;
    }
    if (known.has(text)) return false;
    known.add(text);
    return true;
  }
}
