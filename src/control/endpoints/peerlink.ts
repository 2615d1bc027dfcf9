import { REKEY_AFTER_TIME, REKEY_TIMEOUT } from '../../../protocol/constants.js';
import type { Endpoint, Millis } from '../../../protocol/dataplane.js';
import type { Clock } from '../../../system/clock.js';
import type { EndpointConfig } from '../../config/model.js';
import { isLiteral } from './resolve.js';
import { isSame, Rotation } from './rotation.js';

/** An initiation counts as unanswered after this: right before the next one, which may go elsewhere. */
const UNANSWERED_AFTER: Millis = REKEY_TIMEOUT - 250;
/** Initiations that are sent to an address that has worked before trying the next; others get one. */
const PATIENCE = 2;
/** A session is renewed every two minutes: an older one is dead or unused. */
const FRESH: Millis = 135_000;

/** A peer with Endpoints in the configuration. */
export interface ReachablePeer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The preferred one comes first. */
  readonly endpoints: readonly EndpointConfig[];
  /** The addresses of each of `endpoints`; empty for a name that could not be resolved. */
  readonly addresses: readonly (readonly Endpoint[])[];
}

export interface PeerLinkEnv {
  readonly clock: Clock;
  /** Returns the current endpoint of the peer. */
  current(): Endpoint | undefined;
  /** Sends to `endpoint` from now on: its name was resolved to it, or it is the next one to try. */
  move(endpoint: Endpoint, reason: 'name' | 'next'): void;
  /** Starts a handshake if the peer has a session, a handshake under way, or a keepalive. */
  reconnect(): void;
  /** Asks for the names to be looked up again. */
  askNames(): void;
  /** The peer was heard from, so its names need no lookup. */
  settled(): void;
}

/** The endpoints of one peer, and the decision when to try another one. */
export class PeerLink {
  readonly publicKey: Uint8Array;
  /** Host names of the Endpoints, without duplicates. */
  readonly names: readonly string[];
  readonly #endpoints: readonly EndpointConfig[];
  readonly #env: PeerLinkEnv;
  readonly #rotation: Rotation;
  #timer: { cancel(): void } | undefined;
  #tries = 0;
  #heardAt: Millis = Number.NEGATIVE_INFINITY;

  constructor({ publicKey, endpoints, addresses }: ReachablePeer, env: PeerLinkEnv) {
    this.publicKey = publicKey;
    this.#endpoints = endpoints;
    this.names = [...new Set(endpoints.filter((e) => !isLiteral(e)).map(({ host }) => host))];
    this.#rotation = new Rotation(addresses);
    this.#env = env;
  }

  /** Returns whether `endpoint` is one of the configured Endpoints. */
  knows(endpoint: Endpoint): boolean {
    return this.#rotation.has(endpoint);
  }

  initiated(): void {
    this.#timer?.cancel();
    // A session is renewed later: this handshake is for a peer that has fallen silent (section 6.5).
    if (this.#sinceHeard() < REKEY_AFTER_TIME) this.#env.askNames();
    this.#timer = this.#env.clock.schedule(UNANSWERED_AFTER, () => this.#unanswered());
  }

  /** A handshake message of the peer came from `endpoint`. */
  heard(endpoint: Endpoint): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#tries = 0;
    this.#heardAt = this.#env.clock.now();
    this.#rotation.worked(endpoint);
    this.#env.settled();
  }

  /** The name has been looked up again. */
  resolved(host: string, addresses: readonly string[]): void {
    const current = this.#env.current();
    const wasListed = this.#rotation.has(current);
    let first: Endpoint | undefined;
    for (const [index, endpoint] of this.#endpoints.entries()) {
      if (endpoint.host !== host) continue;
      const found = addresses.map((address) => ({ address, port: endpoint.port }));
      if (this.#rotation.replace(index, found)) first ??= found[0];
    }
    if (!first || this.#rotation.has(current)) return;
    // A peer that has roamed keeps its endpoint for as long as it is heard from there.
    const hasRoamed = current !== undefined && !wasListed;
    if (hasRoamed && this.#isFresh()) return;
    this.#move(first, 'name');
    this.#env.reconnect();
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #unanswered(): void {
    this.#timer = undefined;
    this.#tries++;
    this.#env.askNames();
    const current = this.#env.current();
    if (this.#tries < (this.#rotation.hasWorked(current) ? PATIENCE : 1)) return;
    const next = this.#rotation.after(current);
    if (next) this.#move(next, 'next');
  }

  #move(endpoint: Endpoint, reason: 'name' | 'next'): void {
    this.#tries = 0;
    if (!isSame(endpoint, this.#env.current())) this.#env.move(endpoint, reason);
  }

  #isFresh(): boolean {
    return this.#tries === 0 && this.#sinceHeard() < FRESH;
  }

  #sinceHeard(): Millis {
    return this.#env.clock.now() - this.#heardAt;
  }
}
