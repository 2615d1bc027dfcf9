/** Which peers have a session, and the notifications that an embedding program gets about them. */
import { REJECT_AFTER_TIME } from '../../protocol/constants.js';
import type { Action, DataPlaneEvent, Millis, PeerId } from '../../protocol/dataplane.js';
import type { Device } from '../../protocol/device.js';
import type { Clock } from '../../system/clock.js';
import { orAborted } from '../../system/waiting.js';
import { formatDeviceEndpoint } from '../config/format.js';
import { encodeKey } from '../config/key.js';
import type { Driver } from './driver.js';

export interface SessionListener {
  onHandshake(publicKey: string, role: 'initiator' | 'responder', endpoint?: string): void;
  onEndpoint(publicKey: string, endpoint: string): void;
  /** Packets have passed and the peer's counters have changed. */
  onTraffic(peer: PeerId): void;
  /** The number of peers with a session may have changed. */
  onSessions(): void;
}

/** `removed`: the peer, or the whole tunnel, was removed. */
export type HandshakeOutcome = 'done' | 'given up' | 'removed';

interface Watched {
  readonly publicKey: string;
  endpoint: string | undefined;
  /** When the session in use expires; minus infinity without one. */
  expiresAt: Millis;
  /** The responder's next session, until its first message arrives. */
  next: { readonly localIndex: number; readonly expiresAt: Millis } | undefined;
  readonly waiting: Set<(outcome: HandshakeOutcome) => void>;
}

export interface SessionWatchParts {
  readonly device: Device;
  readonly driver: Driver;
  readonly clock: Clock;
}

export class SessionWatch {
  readonly #parts: SessionWatchParts;
  readonly #peers = new Map<PeerId, Watched>();
  readonly #unobserve: readonly (() => void)[];
  #listener: SessionListener | undefined;
  readonly #firsts = new Set<() => void>();
  #timer: { cancel(): void } | undefined;
  #wakeAt: Millis = Number.POSITIVE_INFINITY;

  /** To be created before the first peer is configured. */
  constructor(parts: SessionWatchParts) {
    this.#parts = parts;
    const { driver } = parts;
    this.#unobserve = [
      driver.observe((action) => this.#act(action)),
      driver.observeEvents((event) => this.#hear(event)),
    ];
  }

  listen(listener: SessionListener): void {
    this.#listener = listener;
  }

  /** Returns whether any peer has a session. */
  get isConnected(): boolean {
    const now = this.#parts.clock.now();
    for (const { expiresAt } of this.#peers.values()) if (expiresAt > now) return true;
    return false;
  }

  /** The number of peers with a session. */
  get connected(): number {
    const now = this.#parts.clock.now();
    let count = 0;
    for (const { expiresAt } of this.#peers.values()) if (expiresAt > now) count++;
    return count;
  }

  hasSession(peer: PeerId): boolean {
    const watched = this.#peers.get(peer);
    return watched !== undefined && watched.expiresAt > this.#parts.clock.now();
  }

  /** Resolves to the outcome of the next handshake with the peer. */
  nextHandshake(peer: PeerId): Promise<HandshakeOutcome> {
    const watched = this.#peers.get(peer);
    return new Promise((resolve) => {
      if (watched) watched.waiting.add(resolve);
      else resolve('removed');
    });
  }

  /** Resolves as soon as any peer has a session. Rejects with the signal's reason. */
  firstSession(signal: AbortSignal): Promise<void> {
    if (this.isConnected) return Promise.resolve();
    let onFirst = (): void => undefined;
    const first = new Promise<void>((resolve) => {
      onFirst = resolve;
    });
    this.#firsts.add(onFirst);
    return orAborted(first, signal).finally(() => this.#firsts.delete(onFirst));
  }

  /** Resolves all waiting handshakes with `removed`. Idempotent. */
  close(): void {
    for (const end of this.#unobserve) end();
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const watched of this.#peers.values()) settle(watched, 'removed');
    this.#peers.clear();
    this.#listener = undefined;
  }

  #act(action: Action): void {
    switch (action.type) {
      case 'setPeer': {
        if (this.#peers.has(action.peer)) this.#compareEndpoint(action.peer);
        else this.#add(action.peer);
        return;
      }
      case 'removePeer': {
        const watched = this.#peers.get(action.peer);
        this.#peers.delete(action.peer);
        if (watched) settle(watched, 'removed');
        this.#listener?.onSessions();
        return;
      }
      case 'handshakeAuthenticated':
        this.#compareEndpoint(action.peer);
        return;
      case 'installKeypair': {
        const { isInitiator, localIndex, createdAt } = action.keypair;
        const expiresAt = createdAt + REJECT_AFTER_TIME;
        const watched = this.#peers.get(action.peer);
        if (!watched) return;
        if (isInitiator) this.#established(watched, expiresAt, 'initiator');
        else watched.next = { localIndex, expiresAt };
        return;
      }
      case 'dropKeypairs':
        this.#ended(action.peer);
        return;
      case 'dropStaged': {
        // The peer has not answered for REKEY_ATTEMPT_TIME: the rest of its session is of no use.
        const watched = this.#peers.get(action.peer);
        if (watched) settle(watched, 'given up');
        this.#ended(action.peer);
        return;
      }
    }
  }

  #hear(event: DataPlaneEvent): void {
    if (event.type === 'roamed') this.#compareEndpoint(event.peer);
    else if (event.type === 'traffic') this.#listener?.onTraffic(event.peer);
    else if (event.type === 'keyConfirmed') {
      const watched = this.#peers.get(event.peer);
      if (watched?.next?.localIndex === event.localIndex)
        this.#established(watched, watched.next.expiresAt, 'responder');
    }
  }

  #add(peer: PeerId): void {
    const known = this.#parts.device.peer(peer);
    if (!known) return;
    this.#peers.set(peer, {
      publicKey: encodeKey(known.publicKey),
      endpoint: this.#endpointOf(peer),
      expiresAt: Number.NEGATIVE_INFINITY,
      next: undefined,
      waiting: new Set(),
    });
  }

  #established(watched: Watched, expiresAt: Millis, role: 'initiator' | 'responder'): void {
    watched.expiresAt = expiresAt;
    watched.next = undefined;
    this.#listener?.onHandshake(watched.publicKey, role, watched.endpoint);
    settle(watched, 'done');
    for (const onFirst of this.#firsts) onFirst();
    this.#listener?.onSessions();
    this.#wakeBy(expiresAt);
  }

  #ended(peer: PeerId): void {
    const watched = this.#peers.get(peer);
    if (!watched) return;
    watched.expiresAt = Number.NEGATIVE_INFINITY;
    watched.next = undefined;
    this.#listener?.onSessions();
  }

  /** A session that is not renewed expires without an event. */
  #wakeBy(time: Millis): void {
    if (time >= this.#wakeAt) return;
    const { clock } = this.#parts;
    this.#timer?.cancel();
    this.#wakeAt = time;
    this.#timer = clock.schedule(Math.max(0, time - clock.now()), () => {
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.#listener?.onSessions();
      const now = clock.now();
      const later = [...this.#peers.values()].map((w) => w.expiresAt).filter((at) => at > now);
      if (later.length > 0) this.#wakeBy(later.reduce((a, b) => Math.min(a, b)));
    });
  }

  #compareEndpoint(peer: PeerId): void {
    const watched = this.#peers.get(peer);
    const endpoint = this.#endpointOf(peer);
    if (!watched || endpoint === undefined || endpoint === watched.endpoint) return;
    watched.endpoint = endpoint;
    this.#listener?.onEndpoint(watched.publicKey, endpoint);
  }

  #endpointOf(peer: PeerId): string | undefined {
    const endpoint = this.#parts.device.peer(peer)?.endpoint;
    return endpoint && formatDeviceEndpoint(endpoint);
  }
}

function settle({ waiting }: Watched, outcome: HandshakeOutcome): void {
  for (const tell of waiting) tell(outcome);
  waiting.clear();
}
