import { REKEY_TIMEOUT } from '../../../protocol/constants.js';
import type { Endpoint, Millis } from '../../../protocol/dataplane.js';
import type { Clock } from '../../../system/clock.js';
import type { EndpointConfig } from '../../config/model.js';
import { isLiteral } from './resolve.js';
import { isSame, Rotation } from './rotation.js';

/** An initiation has no answer by then; right before the next, which may go somewhere else. */
const UNANSWERED_AFTER: Millis = REKEY_TIMEOUT - 250;
/** Initiations to an address that has worked; others get one. */
const PATIENCE = 2;
/** A session is renewed every two minutes: one older than this is dead, or nobody uses it. */
const FRESH: Millis = 135_000;

/** A peer that the configuration tells where to find. */
export interface ReachablePeer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The preferred one first. */
  readonly endpoints: readonly EndpointConfig[];
  /** Of each of `endpoints`; empty for a name that could not be resolved. */
  readonly addresses: readonly (readonly Endpoint[])[];
}

export interface PeerLinkEnv {
  readonly clock: Clock;
  /** Where the peer is at the moment. */
  current(): Endpoint | undefined;
  /** Sends to `endpoint` from now on: told by the peer's name, or merely the next one to try. */
  move(endpoint: Endpoint, reason: 'name' | 'next'): void;
  /** Begins a handshake, when the peer is in touch with us or wants to be. */
  reconnect(): void;
  /** The names have to be looked up again. */
  askNames(): void;
  /** They need not. */
  settled(): void;
}

/** Where one peer is looked for, and when it is looked for elsewhere. */
export class PeerLink {
  readonly publicKey: Uint8Array;
  /** To be resolved; without duplicates. */
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

  /** Whether the configuration says that the peer may be there. */
  knows(endpoint: Endpoint): boolean {
    return this.#rotation.has(endpoint);
  }

  initiated(): void {
    this.#timer?.cancel();
    this.#timer = this.#env.clock.schedule(UNANSWERED_AFTER, () => this.#unanswered());
  }

  /** A handshake message of the peer's came from `endpoint`. */
  heard(endpoint: Endpoint): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#tries = 0;
    this.#heardAt = this.#env.clock.now();
    this.#rotation.worked(endpoint);
    this.#env.settled();
  }

  /** The name was looked up again. */
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
    // A peer that has moved by itself is left where it is for as long as it is heard from there.
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
    return this.#tries === 0 && this.#env.clock.now() - this.#heardAt < FRESH;
  }
}
