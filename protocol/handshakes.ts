/** Makes, sends and answers handshake messages for all peers of a device (sections 5.4.2, 5.4.3). */
import type { CryptoProviders } from '../crypto/providers.js';
import { KEY_BYTES, MIN_INITIATION_INTERVAL } from './constants.js';
import type { Action, Endpoint, Millis } from './dataplane.js';
import { HandshakeQueue, type QueuedHandshake } from './handshakequeue.js';
import { IndexTable } from './indextable.js';
import {
  decodeCookieReply,
  decodeInitiation,
  decodeResponse,
  MessageType,
  readReceiver,
} from './messages.js';
import {
  consumeInitiation,
  consumeResponse,
  createInitiation,
  createResponse,
  type Identity,
  type ResponderState,
  type SessionKeys,
} from './noise.js';
import type { Peer } from './peer.js';
import { isAfter, tai64n } from './tai64n.js';

export interface HandshakesEnv {
  /** Returns `length` unpredictable bytes. */
  random(length: number): Uint8Array;
  /** Returns the Unix time in nanoseconds. */
  wallNanos(): bigint;
  readonly crypto: CryptoProviders;
  /** Finds a peer by its public key. */
  findPeer(publicKey: Uint8Array): Peer | undefined;
  emit(action: Action): void;
}

/** The granularity of a whitened timestamp. */
const TIMESTAMP_STEP_NANOS = 1n << 24n;

export class Handshakes {
  readonly #identity: Identity;
  readonly #env: HandshakesEnv;
  #queue: HandshakeQueue;
  readonly #indices: IndexTable<Peer>;

  constructor(identity: Identity, env: HandshakesEnv) {
    this.#identity = identity;
    this.#env = env;
    this.#queue = new HandshakeQueue(identity.publicKey);
    this.#indices = new IndexTable((length) => env.random(length));
  }

  /** The number of messages that wait to be processed. */
  get pending(): number {
    return this.#queue.length;
  }

  /** Queues a message. Whether it fits its type is checked when it is decoded. */
  receive(handshake: QueuedHandshake): void {
    const { type, message } = handshake;
    // A cookie reply has no mac1: without this check anyone could fill the queue with unsolicited ones.
    if (type === MessageType.cookieReply && !this.#indices.get(readReceiver(message))) return;
    this.#queue.push(handshake);
  }

  /** Processes one waiting message. Returns the peer that it changed. */
  workOne(now: Millis): Peer | undefined {
    const next = this.#queue.shift(now);
    if (!next || next.verdict === 'drop') return undefined;
    const { handshake, verdict } = next;
    if (verdict === 'needsCookie') {
      const message = this.#queue.cookieReply(now, handshake, this.#env.random);
      this.#env.emit({ type: 'sendCookieReply', to: handshake.from, message });
      return undefined;
    }
    if (handshake.type === MessageType.initiation) return this.#onInitiation(now, handshake);
    if (handshake.type === MessageType.response) return this.#onResponse(now, handshake);
    return this.#onCookieReply(now, handshake);
  }

  /**
   * Sends an initiation with a new ephemeral key. Returns false, and sends nothing, when a handshake
   * message was sent less than REKEY_TIMEOUT ago, or the peer has no endpoint or no usable key.
   */
  initiate(now: Millis, peer: Peer): boolean {
    if (!peer.endpoint || !peer.staticStatic || peer.sentHandshakeLately(now)) return false;
    this.cancel(peer);
    const localIndex = this.#indices.allocate(peer);
    const created = createInitiation(
      this.#env.crypto,
      this.#identity,
      peer,
      localIndex,
      this.#env.random(KEY_BYTES),
      this.#nextTimestamp(peer),
    );
    if (!created) {
      this.#indices.delete(localIndex);
      return false;
    }
    peer.initiation = created.state;
    this.#sendHandshake(now, peer, created.message);
    peer.timers.handshakeInitiated(now);
    return true;
  }

  /** Forgets our initiation under way. */
  cancel(peer: Peer): void {
    this.#free(peer.endInitiation());
  }

  /** The data plane made the responder's keypair current: the handshake is complete. */
  confirm(peer: Peer, localIndex: number): void {
    if (peer.sessions.next?.localIndex !== localIndex) return;
    this.#free(peer.sessions.promote()?.localIndex);
    this.cancel(peer);
    this.#complete(peer);
  }

  /**
   * Forgets the peer's keypairs, here and in the data plane. An initiation under way continues until it
   * is answered or given up.
   */
  dropKeypairs(peer: Peer): void {
    for (const keypair of peer.sessions.clear()) this.#free(keypair.localIndex);
    this.#env.emit({ type: 'dropKeypairs', peer: peer.id });
  }

  /** To be called when the private key has changed. Waiting messages were meant for the old one. */
  changeIdentity(): void {
    this.#queue.close();
    this.#queue = new HandshakeQueue(this.#identity.publicKey);
  }

  close(): void {
    this.#queue.close();
  }

  #onInitiation(now: Millis, { message, from }: QueuedHandshake): Peer | undefined {
    const initiation = decodeInitiation(message);
    const consumed =
      initiation &&
      consumeInitiation(this.#env.crypto, this.#identity, initiation, this.#env.findPeer);
    if (!consumed) return undefined;
    const { remote: peer, timestamp, state } = consumed;
    const isReplay = !isAfter(timestamp, peer.latestTimestamp);
    const isFlood = now - peer.initiationConsumedAt < MIN_INITIATION_INTERVAL;
    if (isReplay || isFlood) {
      state.symmetric.zero();
      return undefined;
    }
    peer.latestTimestamp = timestamp;
    peer.initiationConsumedAt = now;
    // Both sides initiated at once. If each gave up its own initiation for the other's, both would wait
    // for a retry. Only the side with the greater public key does so, which settles it at once.
    if (isGreater(this.#identity.publicKey, peer.publicKey)) this.cancel(peer);
    this.#authenticated(now, peer, from, message.length);
    this.#respond(now, peer, state);
    return peer;
  }

  #respond(now: Millis, peer: Peer, state: ResponderState): void {
    const localIndex = this.#indices.allocate(peer);
    const ephemeral = this.#env.random(KEY_BYTES);
    const created = createResponse(this.#env.crypto, peer, state, localIndex, ephemeral);
    if (!created) {
      this.#indices.delete(localIndex);
      return;
    }
    this.#install(now, peer, localIndex, state.remoteIndex, created.keys, false);
    this.#sendHandshake(now, peer, created.message);
  }

  #onResponse(now: Millis, { message, from }: QueuedHandshake): Peer | undefined {
    const response = decodeResponse(message);
    const peer = response && this.#indices.get(response.receiver);
    const state = peer?.initiation;
    if (!response || !peer || state?.localIndex !== response.receiver) return undefined;
    const keys = consumeResponse(this.#env.crypto, this.#identity, peer, state, response);
    if (!keys) return undefined;
    peer.endInitiation(); // Its index lives on as the session's.
    this.#authenticated(now, peer, from, message.length);
    this.#install(now, peer, response.receiver, response.sender, keys, true);
    this.#complete(peer);
    // The responder must hear something under the new key before it may use it (section 5.4.5).
    this.#env.emit({ type: 'sendKeepalive', peer: peer.id });
    return peer;
  }

  #onCookieReply(now: Millis, { message }: QueuedHandshake): Peer | undefined {
    const reply = decodeCookieReply(message);
    const peer = reply && this.#indices.get(reply.receiver);
    if (reply && peer) peer.cookies.consumeReply(reply, now);
    return undefined;
  }

  #authenticated(now: Millis, peer: Peer, from: Endpoint, bytes: number): void {
    peer.endpoint = from;
    peer.timers.anyAuthenticatedReceived();
    peer.timers.anyAuthenticatedTraversal(now);
    this.#env.emit({ type: 'handshakeAuthenticated', peer: peer.id, from, bytes });
  }

  #install(
    now: Millis,
    peer: Peer,
    localIndex: number,
    remoteIndex: number,
    keys: SessionKeys,
    isInitiator: boolean,
  ): void {
    const slotted = { localIndex, isInitiator, createdAt: now };
    for (const dropped of peer.sessions.install(slotted)) this.#free(dropped.localIndex);
    peer.timers.sessionDerived(now);
    const keypair = { ...slotted, remoteIndex, ...keys };
    this.#env.emit({ type: 'installKeypair', peer: peer.id, keypair });
  }

  #complete(peer: Peer): void {
    peer.timers.handshakeComplete();
    peer.askedLastMinute = false;
    peer.latestHandshake = this.#env.wallNanos();
  }

  #sendHandshake(now: Millis, peer: Peer, message: Uint8Array): void {
    peer.cookies.addMacs(message, now);
    peer.handshakeSentAt = now;
    peer.timers.anyAuthenticatedSent();
    peer.timers.anyAuthenticatedTraversal(now);
    this.#env.emit({ type: 'sendHandshake', peer: peer.id, message });
  }

  #free(index: number | undefined): void {
    if (index !== undefined) this.#indices.delete(index);
  }

  /**
   * Grows even when the clock was set back, since the peer would otherwise take our initiations for
   * replays. Each peer has its own: if shared, many peers at once would push it far ahead of the clock,
   * and after a restart no peer would answer until the clock has caught up.
   */
  #nextTimestamp(peer: Peer): Uint8Array {
    const wall = this.#env.wallNanos();
    const least = peer.lastTimestampNanos + TIMESTAMP_STEP_NANOS;
    peer.lastTimestampNanos = wall > least ? wall : least;
    return tai64n(peer.lastTimestampNanos);
  }
}

function isGreater(a: Uint8Array, b: Uint8Array): boolean {
  for (const [i, byte] of a.entries()) {
    const difference = byte - (b[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}
