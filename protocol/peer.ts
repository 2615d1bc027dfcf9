import { isAllZero, Secret } from '../crypto/secret.js';
import { KEY_BYTES, REKEY_TIMEOUT, TIMESTAMP_BYTES } from './constants.js';
import { CookieGenerator } from './cookie.js';
import type { Endpoint, Millis, PeerId } from './dataplane.js';
import { KeypairSlots, type SlottedKeypair } from './keypair.js';
import { type InitiatorState, type RemoteStatic, zeroInitiator } from './noise.js';
import { PeerTimers } from './timers.js';

/** All that the control plane knows about a peer. */
export class Peer implements RemoteStatic {
  readonly id: PeerId;
  readonly publicKey: Uint8Array;
  staticStatic: Secret | undefined;
  readonly cookies: CookieGenerator;
  readonly timers: PeerTimers;
  /** Mirrors the keypairs of the data plane, by the same rules. */
  readonly sessions: KeypairSlots<SlottedKeypair> = new KeypairSlots();
  presharedKey: Secret = Secret.take(new Uint8Array(KEY_BYTES));
  endpoint: Endpoint | undefined;
  /** Milliseconds, 0 is off. */
  persistentKeepalive: Millis = 0;
  /** Our initiation under way. */
  initiation: InitiatorState | undefined;
  /** The greatest TAI64N timestamp in any initiation from the peer. */
  latestTimestamp: Uint8Array = new Uint8Array(TIMESTAMP_BYTES);
  /** Unix nanoseconds in our last initiation. */
  lastTimestampNanos = 0n;
  initiationConsumedAt: Millis = Number.NEGATIVE_INFINITY;
  handshakeSentAt: Millis = Number.NEGATIVE_INFINITY;
  /** Unix nanoseconds of the last handshake that completed, 0 for never. */
  latestHandshake = 0n;
  /** Whether a renewal was already requested because the session is about to expire. */
  askedLastMinute = false;

  constructor(
    id: PeerId,
    publicKey: Uint8Array,
    staticStatic: Secret | undefined,
    random: (length: number) => Uint8Array,
  ) {
    this.id = id;
    this.publicKey = Uint8Array.from(publicKey);
    this.staticStatic = staticStatic;
    this.cookies = new CookieGenerator(publicKey);
    this.timers = new PeerTimers(random);
  }

  get hasPresharedKey(): boolean {
    return !isAllZero(this.presharedKey.expose());
  }

  setPresharedKey(key: Secret): void {
    const previous = this.presharedKey;
    this.presharedKey = Secret.copyOf(key.expose());
    previous.zero();
  }

  /** To be called after our private key has changed. */
  setStaticStatic(staticStatic: Secret | undefined): void {
    this.staticStatic?.zero();
    this.staticStatic = staticStatic;
  }

  /** Returns whether a handshake message was sent less than REKEY_TIMEOUT ago (section 6.1). */
  sentHandshakeLately(now: Millis): boolean {
    return now - this.handshakeSentAt < REKEY_TIMEOUT;
  }

  /** Zeroes the initiation under way, if any, and returns its index for the caller to free. */
  endInitiation(): number | undefined {
    const { initiation } = this;
    if (!initiation) return undefined;
    zeroInitiator(initiation);
    this.initiation = undefined;
    return initiation.localIndex;
  }

  /** Zeroes everything secret, for a peer that is removed. */
  zero(): void {
    this.endInitiation();
    this.staticStatic?.zero();
    this.presharedKey.zero();
    this.cookies.zero();
  }
}
