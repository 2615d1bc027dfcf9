import { type CryptoProviders, defaultProviders } from '../crypto/providers.js';
import { isAllZero, Secret } from '../crypto/secret.js';
import { AllowedIps } from './allowedips.js';
import {
  KEEPALIVE_TIMEOUT,
  KEY_BYTES,
  REJECT_AFTER_TIME,
  REKEY_AFTER_TIME,
  REKEY_TIMEOUT,
} from './constants.js';
import type { Action, DataPlaneEvent, Endpoint, Millis, PeerId } from './dataplane.js';
import { Deadlines } from './deadlines.js';
import { Handshakes } from './handshakes.js';
import type { IpPrefix } from './ip.js';
import { Peer } from './peer.js';

/** Everything that the core takes from outside, except the time. */
export interface DeviceEnv {
  /** Returns `length` unpredictable bytes. */
  random(length: number): Uint8Array;
  /** Returns the Unix time in nanoseconds. */
  wallNanos(): bigint;
  /** The implementations of the primitives; by default `defaultProviders()`. */
  readonly crypto?: CryptoProviders;
}

/** A change to one peer, as wg(8) makes it: properties that are left out stay unchanged. */
export interface PeerChange {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Removes the peer with its sessions; all other properties are ignored. */
  readonly remove?: boolean;
  /** Does nothing when the peer does not exist yet. */
  readonly updateOnly?: boolean;
  /** 32 bytes, which are copied; all zeros mean no preshared key. */
  readonly presharedKey?: Secret;
  /** Where to send, until the peer roams. */
  readonly endpoint?: Endpoint;
  /** Seconds, 0 to 65535; 0 is off. */
  readonly persistentKeepalive?: number;
  /** Drops the AllowedIPs that the peer had before. */
  readonly replaceAllowedIps?: boolean;
  /** Prefixes to add. Each is taken from the peer that has it. */
  readonly allowedIps?: readonly IpPrefix[];
  /** Prefixes to remove. Those that the peer does not have are ignored. */
  readonly removeAllowedIps?: readonly IpPrefix[];
}

/** A peer and its endpoint. */
export interface DevicePeerPlace {
  /** The peer's handle. */
  readonly id: PeerId;
  /** 32 bytes; the array is the device's own, not a copy. */
  readonly publicKey: Uint8Array;
  /** Undefined until the endpoint is known. */
  readonly endpoint: Endpoint | undefined;
}

/** All that wg(8) shows of a peer except its transfer, which the data plane counts. */
export interface DevicePeerStatus extends DevicePeerPlace {
  /** Whether the peer has a preshared key. */
  readonly hasPresharedKey: boolean;
  /** In no particular order. */
  readonly allowedIps: readonly IpPrefix[];
  /** Seconds, 0 is off. */
  readonly persistentKeepalive: number;
  /** Unix nanoseconds, 0 is never. */
  readonly latestHandshake: bigint;
}

/** Handshake messages handled in one call, so that the caller can let packets pass in between. */
const HANDSHAKES_AT_ONCE = 8;

/** The age at which the initiator renews a session that still receives data: 165 s (section 6.2). */
const LAST_MINUTE = REJECT_AFTER_TIME - KEEPALIVE_TIMEOUT - REKEY_TIMEOUT;

/**
 * The control plane, without IO: pass it events and the time, carry out its actions, and call it
 * again at the time that `pollTimeout` returns. `now` must never go backwards.
 */
export class Device {
  readonly #identity: { privateKey: Secret; publicKey: Uint8Array };
  readonly #env: DeviceEnv;
  readonly #crypto: CryptoProviders;
  readonly #handshakes: Handshakes;
  readonly #peers = new Map<PeerId, Peer>();
  readonly #byPublicKey = new Map<string, Peer>();
  readonly #allowedIps = new AllowedIps<Peer>();
  readonly #deadlines = new Deadlines<Peer>();
  #actions: Action[] = [];
  #nextId: PeerId = 1;

  /** Copies the private key (32 bytes). */
  constructor(identity: { readonly privateKey: Secret }, env: DeviceEnv) {
    this.#env = env;
    this.#crypto = env.crypto ?? defaultProviders();
    this.#identity = this.#identityOf(identity.privateKey);
    this.#handshakes = new Handshakes(this.#identity, {
      random: (length) => env.random(length),
      wallNanos: () => env.wallNanos(),
      crypto: this.#crypto,
      findPeer: (publicKey) => this.#byPublicKey.get(keyOf(publicKey)),
      emit: (action) => this.#actions.push(action),
    });
  }

  /** 32 bytes; zeros without a private key. */
  get publicKey(): Uint8Array {
    return this.#identity.publicKey;
  }

  /** The device's own secret, not a copy: do not zero it, and do not use it after `close`. */
  get privateKey(): Secret {
    return this.#identity.privateKey;
  }

  /**
   * Returns the peer's preshared key, which is the device's own and not a copy; all zeros mean none.
   * Undefined when there is no such peer.
   */
  presharedKey(id: PeerId): Secret | undefined {
    return this.#peers.get(id)?.presharedKey;
  }

  /**
   * Copies the key (32 bytes); all zeros mean no key, and then there are no handshakes. All sessions
   * end, as in the kernel, and a peer with our own public key is removed.
   */
  setPrivateKey(privateKey: Secret): void {
    if (privateKey.equals(this.#identity.privateKey)) return;
    const previous = this.#identity.privateKey;
    Object.assign(this.#identity, this.#identityOf(privateKey));
    previous.zero();
    this.#handshakes.changeIdentity();
    const ourselves = this.#byPublicKey.get(keyOf(this.publicKey));
    if (ourselves) this.#remove(ourselves);
    for (const peer of this.#peers.values()) {
      this.#handshakes.cancel(peer);
      this.#handshakes.dropKeypairs(peer);
      peer.setStaticStatic(this.#staticStatic(peer.publicKey));
    }
  }

  /** Adds, changes or removes a peer. Our own public key is ignored, as in the kernel. */
  configure(now: Millis, change: PeerChange): void {
    const key = keyOf(change.publicKey);
    const known = this.#byPublicKey.get(key);
    if (change.remove) {
      if (known) this.#remove(known);
      return;
    }
    if (key === keyOf(this.publicKey) || (!known && change.updateOnly)) return;
    const peer = known ?? this.#add(change.publicKey);
    if (change.presharedKey) peer.setPresharedKey(change.presharedKey);
    this.#setAllowedIps(peer, change, !known);
    const hadEndpoint = peer.endpoint !== undefined;
    if (change.endpoint) peer.endpoint = change.endpoint;
    const wasKeptAlive = peer.persistentKeepalive > 0;
    if (change.persistentKeepalive !== undefined) {
      peer.persistentKeepalive = change.persistentKeepalive * 1000;
      peer.timers.setPersistentInterval(now, peer.persistentKeepalive);
    }
    if (peer.persistentKeepalive > 0 && peer.endpoint && !(wasKeptAlive && hadEndpoint))
      this.#actions.push({ type: 'sendKeepalive', peer: peer.id });
    this.#schedule(peer);
  }

  /**
   * To be called when the network or a peer's endpoint has changed. Begins a handshake, at once or when
   * REKEY_TIMEOUT allows the next, with each peer that has an endpoint, and a session, a handshake under
   * way or a persistent keepalive. `publicKey` (32 bytes) limits this to one peer.
   */
  reconnect(now: Millis, publicKey?: Uint8Array): void {
    const chosen = publicKey && this.#byPublicKey.get(keyOf(publicKey));
    for (const peer of publicKey ? [chosen ?? []].flat() : this.#peers.values()) {
      const { endpoint, sessions, initiation, persistentKeepalive } = peer;
      if (!endpoint || !(sessions.current || initiation || persistentKeepalive > 0)) continue;
      // An endpoint makes the data plane forget which of our addresses it sent from.
      this.#actions.push({ type: 'setPeer', peer: peer.id, endpoint });
      // Within a session any message shows the peer where we are now, at once (section 6.5).
      if (sessions.current && now - sessions.current.createdAt < REJECT_AFTER_TIME)
        this.#actions.push({ type: 'sendKeepalive', peer: peer.id });
      this.#wantHandshake(now, peer);
      this.#schedule(peer);
    }
  }

  /** Handles an event of the data plane. Call `pollAction` and `pollTimeout` afterwards. */
  handleEvent(now: Millis, event: DataPlaneEvent): void {
    if (event.type === 'handshake') {
      const { messageType, message, from } = event;
      this.#handshakes.receive({ type: messageType, message, from });
      return;
    }
    const peer = this.#peers.get(event.peer);
    if (!peer) return;
    if (event.type === 'needsHandshake') this.#wantHandshake(now, peer);
    else if (event.type === 'keyConfirmed') this.#handshakes.confirm(peer, event.localIndex);
    else if (event.type === 'roamed') peer.endpoint = event.endpoint;
    else this.#handleTraffic(now, peer, event);
    this.#schedule(peer);
  }

  /** Does everything that is due. Early or repeated calls do nothing. */
  handleTimeout(now: Millis): void {
    for (let i = 0; i < HANDSHAKES_AT_ONCE && this.#handshakes.pending > 0; i++) {
      const peer = this.#handshakes.workOne(now);
      if (peer) this.#schedule(peer);
    }
    for (let peer = this.#deadlines.takeDue(now); peer; peer = this.#deadlines.takeDue(now)) {
      this.#runTimers(now, peer);
      this.#schedule(peer);
    }
  }

  /** Returns the next action; call it until it returns undefined, after each of the calls above. */
  pollAction(): Action | undefined {
    return this.#actions.shift();
  }

  /** Returns when to call `handleTimeout` next: a time in the past means at once, undefined never. */
  pollTimeout(): Millis | undefined {
    return this.#handshakes.pending > 0 ? Number.NEGATIVE_INFINITY : this.#deadlines.next;
  }

  /** Returns all peers, in the order in which they were added. */
  peers(): DevicePeerStatus[] {
    return Array.from(this.#peers.values(), (peer) => ({
      id: peer.id,
      publicKey: peer.publicKey,
      hasPresharedKey: peer.hasPresharedKey,
      endpoint: peer.endpoint,
      allowedIps: this.#allowedIps.entries(peer),
      persistentKeepalive: peer.persistentKeepalive / 1000,
      latestHandshake: peer.latestHandshake,
    }));
  }

  /**
   * Returns one peer, by its handle or by its public key (32 bytes), or undefined when there is no such
   * peer. Cheaper than `peers()`.
   */
  peer(which: PeerId | Uint8Array): DevicePeerPlace | undefined {
    return typeof which === 'number' ? this.#peers.get(which) : this.#byPublicKey.get(keyOf(which));
  }

  /** Returns what `peer` returns for each peer. */
  places(): Iterable<DevicePeerPlace> {
    return this.#peers.values();
  }

  /** Removes all peers and zeroes our private key. Actions still have to be carried out. */
  close(): void {
    for (const peer of [...this.#peers.values()]) this.#remove(peer);
    this.#handshakes.close();
    this.#identity.privateKey.zero();
  }

  #identityOf(privateKey: Secret): { privateKey: Secret; publicKey: Uint8Array } {
    const bytes = privateKey.expose();
    const publicKey = isAllZero(bytes)
      ? new Uint8Array(KEY_BYTES)
      : this.#crypto.x25519.publicKey(bytes);
    return { privateKey: Secret.copyOf(bytes), publicKey };
  }

  /** Returns undefined without a private key, or for a public key of low order. */
  #staticStatic(publicKey: Uint8Array): Secret | undefined {
    const ours = this.#identity.privateKey.expose();
    const shared = isAllZero(ours) ? undefined : this.#crypto.x25519.sharedSecret(ours, publicKey);
    return shared && Secret.take(shared);
  }

  #add(publicKey: Uint8Array): Peer {
    const staticStatic = this.#staticStatic(publicKey);
    const random = (length: number): Uint8Array => this.#env.random(length);
    const peer = new Peer(this.#nextId++, publicKey, staticStatic, random);
    this.#peers.set(peer.id, peer);
    this.#byPublicKey.set(keyOf(publicKey), peer);
    return peer;
  }

  #remove(peer: Peer): void {
    this.#handshakes.cancel(peer);
    this.#handshakes.dropKeypairs(peer);
    this.#actions.push({ type: 'removePeer', peer: peer.id });
    this.#allowedIps.removeByValue(peer);
    this.#deadlines.forget(peer);
    this.#peers.delete(peer.id);
    this.#byPublicKey.delete(keyOf(peer.publicKey));
    peer.zero();
  }

  #setAllowedIps(peer: Peer, change: PeerChange, isNew: boolean): void {
    const replace = change.replaceAllowedIps ?? false;
    const add = change.allowedIps ?? [];
    const remove = change.removeAllowedIps ?? [];
    if (replace) this.#allowedIps.removeByValue(peer);
    for (const prefix of remove) this.#allowedIps.remove(prefix, peer);
    for (const prefix of add) this.#allowedIps.insert(prefix, peer);
    const isChanged = isNew || replace || add.length > 0 || remove.length > 0;
    const allowedIps = isChanged ? { allowedIps: { replace, add, remove } } : {};
    const endpoint = change.endpoint ? { endpoint: change.endpoint } : {};
    this.#actions.push({ type: 'setPeer', peer: peer.id, ...endpoint, ...allowedIps });
  }

  #wantHandshake(now: Millis, peer: Peer): void {
    peer.timers.handshakeWanted();
    // Packets may be waiting for the handshake, and nothing else may request it again.
    if (!this.#handshakes.initiate(now, peer) && peer.sentHandshakeLately(now))
      peer.timers.handshakeDelayed(peer.handshakeSentAt);
  }

  /** Receiving is handled first: what the same batch sent may be the answer to it. */
  #handleTraffic(
    now: Millis,
    peer: Peer,
    event: Extract<DataPlaneEvent, { type: 'traffic' }>,
  ): void {
    const { timers } = peer;
    timers.anyAuthenticatedTraversal(now);
    if (event.dataReceived || event.keepaliveReceived) {
      timers.anyAuthenticatedReceived();
      if (event.dataReceived) timers.dataReceived(now);
      this.#renewLastMinute(now, peer);
    }
    if (event.dataSent || event.keepaliveSent) {
      timers.anyAuthenticatedSent();
      if (event.dataSent) timers.dataSent(now);
      this.#renewByTime(now, peer);
    }
  }

  /** Only the initiator, so that both sides do not renew at once (section 6.2). */
  #renewByTime(now: Millis, peer: Peer): void {
    const { current } = peer.sessions;
    if (current?.isInitiator && now - current.createdAt >= REKEY_AFTER_TIME)
      this.#wantHandshake(now, peer);
  }

  #renewLastMinute(now: Millis, peer: Peer): void {
    const { current } = peer.sessions;
    if (peer.askedLastMinute || !current?.isInitiator) return;
    if (now - current.createdAt < LAST_MINUTE) return;
    peer.askedLastMinute = true;
    this.#wantHandshake(now, peer);
  }

  #runTimers(now: Millis, peer: Peer): void {
    const { timers } = peer;
    if (timers.take(now, 'retransmitHandshake')) this.#retransmit(now, peer);
    if (timers.take(now, 'newHandshake')) this.#wantHandshake(now, peer);
    if (timers.take(now, 'sendKeepalive'))
      this.#actions.push({ type: 'sendKeepalive', peer: peer.id });
    if (timers.take(now, 'persistentKeepalive')) {
      timers.anyAuthenticatedTraversal(now); // The timer goes on even if this keepalive cannot be sent.
      this.#actions.push({ type: 'sendKeepalive', peer: peer.id });
    }
    if (timers.take(now, 'zeroKeys')) this.#handshakes.dropKeypairs(peer);
  }

  #retransmit(now: Millis, peer: Peer): void {
    if (peer.timers.retryHandshake()) {
      if (!this.#handshakes.initiate(now, peer))
        peer.timers.handshakeDelayed(peer.sentHandshakeLately(now) ? peer.handshakeSentAt : now);
      return;
    }
    this.#handshakes.cancel(peer);
    peer.timers.handshakeGivenUp(now);
    this.#actions.push({ type: 'dropStaged', peer: peer.id });
  }

  #schedule(peer: Peer): void {
    if (this.#peers.has(peer.id)) this.#deadlines.schedule(peer, peer.timers.next);
  }
}

/** Returns a Map key, with each byte as one character. */
function keyOf(publicKey: Uint8Array): string {
  if (publicKey.length !== KEY_BYTES) throw new RangeError('a public key has 32 bytes');
  return String.fromCharCode(...publicKey);
}
