import { openWays } from '../../../network/open.js';
import type { NetworkChange, Way, WayQueries } from '../../../network/ways.js';
import type { Millis } from '../../../protocol/dataplane.js';
import type { Clock } from '../../../system/clock.js';
import { messageOf } from '../../../system/errors.js';
import type { Logger } from '../../logger.js';
import { PacedQueue } from './paced.js';

const PAUSE: Millis = 1;
/** Addresses that may be known before those that are no longer in use are looked for. */
const SPARE = 64;

export interface WayTableOptions {
  readonly queries: WayQueries;
  readonly clock: Pick<Clock, 'schedule'>;
  /** Returns the addresses of the endpoints in use. */
  readonly inUse: () => ReadonlySet<string>;
  /** Returns the firewall mark of the tunnel's own packets. */
  readonly mark: () => number;
  /** Called once after a check with the addresses to which packets take another way than before. */
  readonly onChanged: (addresses: ReadonlySet<string>) => void;
  /** Called once after a check with the number of addresses that cannot be reached any more. */
  readonly onLost: (count: number) => void;
}

interface Entry {
  /** The last way; undefined for none, or before the first answer. */
  way: Way | undefined;
  hasAnswer: boolean;
  isReachable: boolean;
  /** There was no way for a while: routers on it may have forgotten the tunnel. */
  wasLost: boolean;
}

/** Returns undefined where the system cannot be asked. */
export function openWayTable({
  logger,
  ...options
}: Omit<WayTableOptions, 'queries' | 'onLost'> & { readonly logger: Logger }):
  | WayTable
  | undefined {
  try {
    const queries = openWays();
    const onLost = (count: number): void => logger.debug(`no way leads to ${count} endpoint(s)`);
    return queries && new WayTable({ ...options, queries, onLost });
  } catch (error) {
    logger.debug(`the routing table cannot be asked: ${messageOf(error)}`);
    return undefined;
  }
}

/**
 * The ways by which packets leave to each address in use, as the routing table has told them. Most
 * changes of a machine's network, such as those of containers that come and go, change none of them.
 */
export class WayTable {
  readonly #options: WayTableOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #asking: PacedQueue<string>;
  /** Links that are down. Routes by them remain, but nothing gets through. */
  readonly #down = new Set<number>();
  #changed = new Set<string>();
  #lost = 0;
  #limit = SPARE;

  constructor(options: WayTableOptions) {
    this.#options = options;
    this.#asking = new PacedQueue({
      clock: options.clock,
      batch: options.queries.batch,
      pause: PAUSE,
      work: (addresses) => this.#ask(addresses),
      onEnd: () => this.#report(),
    });
  }

  /** Asks for the way to an address that has come into use, unless it is known. */
  add(address: string): void {
    if (this.#entries.has(address)) return;
    if (this.#entries.size >= this.#limit) this.#forgetUnused(this.#options.inUse());
    this.#entries.set(address, newEntry());
    this.#asking.add([address]);
  }

  /** Asks for the ways to all addresses in use, and compares them with nothing. */
  start(): void {
    this.#entries.clear();
    this.#changed.clear();
    this.check();
  }

  /** Asks for the ways to all addresses in use, and compares them with the last answers. */
  check(): void {
    const addresses = this.#options.inUse();
    this.#forgetUnused(addresses);
    for (const address of addresses)
      if (!this.#entries.has(address)) this.#entries.set(address, newEntry());
    this.#asking.add(addresses);
  }

  /** Notices which ways are lost, if only until `check`. */
  take({ links, lostAddresses }: NetworkChange): void {
    for (const [link, state] of links) {
      if (state === 'down') this.#down.add(link);
      else this.#down.delete(link);
    }
    if (links.size === 0 && lostAddresses.size === 0) return;
    for (const entry of this.#entries.values()) {
      const { way } = entry;
      if (way && (links.has(way.link) || lostAddresses.has(way.source))) entry.wasLost = true;
    }
  }

  /** Idempotent. */
  close(): void {
    this.#asking.close();
    this.#options.queries.close();
  }

  #forgetUnused(inUse: ReadonlySet<string>): void {
    for (const address of this.#entries.keys())
      if (!inUse.has(address)) this.#entries.delete(address);
    this.#limit = 2 * inUse.size + SPARE;
  }

  #ask(addresses: readonly string[]): void {
    const { queries, mark } = this.#options;
    const answers = queries.ask(addresses, mark());
    for (const [index, address] of addresses.entries()) {
      const entry = this.#entries.get(address);
      const answer = answers[index];
      if (!entry || answer === undefined) continue;
      const isUsable = answer !== 'unreachable' && !this.#down.has(answer.link);
      if (entry.isReachable && !isUsable) this.#lost++;
      entry.isReachable = isUsable;
      if (!isUsable) entry.wasLost = true;
      else {
        if (entry.hasAnswer && (entry.wasLost || !isSameWay(entry.way, answer)))
          this.#changed.add(address);
        entry.way = answer;
        entry.wasLost = false;
      }
      entry.hasAnswer = true;
    }
  }

  #report(): void {
    const changed = this.#changed;
    const lost = this.#lost;
    this.#changed = new Set();
    this.#lost = 0;
    if (lost > 0) this.#options.onLost(lost);
    if (changed.size > 0) this.#options.onChanged(changed);
  }
}

function newEntry(): Entry {
  return { way: undefined, hasAnswer: false, isReachable: true, wasLost: false };
}

function isSameWay(a: Way | undefined, b: Way): boolean {
  return a !== undefined && a.link === b.link && a.source === b.source && a.gateway === b.gateway;
}
