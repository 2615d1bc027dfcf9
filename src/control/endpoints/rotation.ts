import type { Endpoint } from '../../../protocol/dataplane.js';

/**
 * The addresses at which a peer may be found: those of each Endpoint of its configuration, in order.
 * They are tried in turn, starting with the one that worked last.
 */
export class Rotation {
  readonly #addresses: (readonly Endpoint[])[];
  #worked: Endpoint | undefined;

  /** `addresses`: one list for each Endpoint; an empty one for a name that is not resolved. */
  constructor(addresses: readonly (readonly Endpoint[])[]) {
    this.#addresses = [...addresses];
  }

  /** All addresses, without duplicates. */
  get all(): readonly Endpoint[] {
    const all: Endpoint[] = [];
    const worked = this.#worked;
    const inOrder = this.#addresses.flat();
    const first = inOrder.filter((endpoint) => isSame(endpoint, worked));
    for (const endpoint of [...first, ...inOrder])
      if (!all.some((known) => isSame(known, endpoint))) all.push(endpoint);
    return all;
  }

  has(endpoint: Endpoint | undefined): boolean {
    return this.#addresses.flat().some((known) => isSame(known, endpoint));
  }

  /** Returns the address to try after `current`; undefined when there is no other. */
  after(current: Endpoint | undefined): Endpoint | undefined {
    const all = this.all;
    const at = all.findIndex((endpoint) => isSame(endpoint, current));
    const next = all[(at + 1) % all.length];
    return isSame(next, current) ? undefined : next;
  }

  /** A handshake completed with the peer at `endpoint`. */
  worked(endpoint: Endpoint): void {
    this.#worked = endpoint;
  }

  hasWorked(endpoint: Endpoint | undefined): boolean {
    return isSame(endpoint, this.#worked);
  }

  /** Replaces the addresses of the Endpoint at `index`. Returns whether some are new. */
  replace(index: number, addresses: readonly Endpoint[]): boolean {
    const before = this.#addresses[index] ?? [];
    this.#addresses[index] = addresses;
    return addresses.some((endpoint) => !before.some((known) => isSame(known, endpoint)));
  }
}

export function isSame(a: Endpoint | undefined, b: Endpoint | undefined): boolean {
  return a !== undefined && b !== undefined && a.address === b.address && a.port === b.port;
}
