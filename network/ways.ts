/** How packets leave the machine, and what may change that. */

export interface Way {
  /** Index of the interface. */
  readonly link: number;
  /** The source address that the system prefers there; empty for none. */
  readonly source: string;
  /** The next router; empty for an address on the link itself. */
  readonly gateway: string;
}

/** `unreachable`: there is no way. Undefined: the system has not said. */
export type WayAnswer = Way | 'unreachable' | undefined;

/** What may have changed ways. Addresses are text without zone. */
export interface NetworkChange {
  /** Interfaces whose state has changed, by index. */
  readonly links: ReadonlyMap<number, 'up' | 'down' | 'gone'>;
  /** Addresses that were removed from an interface. */
  readonly lostAddresses: ReadonlySet<string>;
}

export interface WayQueries {
  /** How many addresses `ask` may be given. */
  readonly batch: number;
  /**
   * Returns the way of packets with the firewall mark `mark` (0 is none) to each of `addresses`, which
   * may have zones, in the same order.
   */
  ask(addresses: readonly string[], mark: number): readonly WayAnswer[];
  /** Idempotent. */
  close(): void;
}
