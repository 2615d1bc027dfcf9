/** Turns what happens in a tunnel into its events. */
import type { EventEmitter } from 'node:events';
import type { PeerId, Transfer } from '../../protocol/dataplane.js';
import type { Clock } from '../../system/clock.js';
import { encodeKey } from '../config/key.js';
import type { SessionWatch } from '../control/sessions.js';
import type { StatusParts } from '../control/status.js';
import type { TunnelEvents, TunnelState } from './events.js';

export interface FeedParts extends Pick<StatusParts, 'device' | 'plane'> {
  readonly sessions: SessionWatch;
  readonly clock: Clock;
}

/**
 * Each event is emitted in its own turn of the event loop. So a listener may change or close the
 * tunnel, one that throws does not affect the others, and a program that awaits `connect` misses no
 * event.
 */
export class TunnelFeed {
  readonly #emitter: EventEmitter<TunnelEvents>;
  readonly #parts: FeedParts;
  readonly #transferInterval: number;
  readonly #moved = new Map<PeerId, Transfer>();
  readonly #due = new Set<PeerId>();
  #timer: { cancel(): void } | undefined;
  #state: TunnelState;

  constructor(emitter: EventEmitter<TunnelEvents>, parts: FeedParts, transferInterval: number) {
    this.#emitter = emitter;
    this.#parts = parts;
    this.#transferInterval = transferInterval;
    const { sessions } = parts;
    this.#state = sessions.isConnected ? 'connected' : 'up';
    sessions.listen({
      onHandshake: (publicKey, role, endpoint) =>
        this.#tell('handshake', { publicKey, role, ...(endpoint !== undefined && { endpoint }) }),
      onEndpoint: (publicKey, endpoint) => this.#tell('endpoint', { publicKey, endpoint }),
      onTraffic: (peer) => this.#traffic(peer),
      onSessions: () => this.#enter(sessions.isConnected ? 'connected' : 'up'),
    });
  }

  get isClosing(): boolean {
    return this.#state === 'closing' || this.#state === 'closed';
  }

  get state(): TunnelState {
    return this.#state;
  }

  /** Ends the events of peers. Called with the error that ended the tunnel, if any. */
  closing(error: Error | undefined): void {
    this.#timer?.cancel();
    this.#enter('closing');
    this.#parts.sessions.close();
    if (error)
      setImmediate(() => {
        if (this.#emitter.listenerCount('error') > 0) this.#emitter.emit('error', error);
      });
  }

  closed(): void {
    this.#enter('closed');
  }

  #enter(state: TunnelState): void {
    const previous = this.#state;
    if (state === previous || previous === 'closed') return;
    if (previous === 'closing' && state !== 'closed') return;
    this.#state = state;
    this.#tell('state', state, previous);
  }

  #tell<Name extends Exclude<keyof TunnelEvents, 'error'>>(
    name: Name,
    ...event: TunnelEvents[Name]
  ): void {
    setImmediate(() => {
      (this.#emitter as EventEmitter).emit(name, ...event);
    });
  }

  #traffic(peer: PeerId): void {
    if (this.#emitter.listenerCount('transfer') === 0) return;
    this.#due.add(peer);
    this.#timer ??= this.#parts.clock.schedule(this.#transferInterval, () => this.#transfers());
  }

  #transfers(): void {
    this.#timer = undefined;
    const { device, plane } = this.#parts;
    for (const peer of this.#due) {
      const known = device.peer(peer);
      if (!known) {
        this.#moved.delete(peer);
        continue;
      }
      const now = plane.transfer(peer);
      const before = this.#moved.get(peer);
      if (before?.rxBytes === now.rxBytes && before.txBytes === now.txBytes) continue;
      this.#moved.set(peer, now);
      const { rxBytes, txBytes } = now;
      this.#tell('transfer', { publicKey: encodeKey(known.publicKey), rxBytes, txBytes });
    }
    this.#due.clear();
  }
}
