/**
 * mac1, mac2 and cookies: what a responder requires of initiators before it spends work on them, with
 * more required under load (sections 5.3, 5.4.4 and 5.4.7).
 */
import { hash, mac } from '../crypto/blake2s.js';
import { xchachaOpen, xchachaSeal } from '../crypto/chacha20poly1305.js';
import { constantTimeEquals, Secret } from '../crypto/secret.js';
import {
  COOKIE_LATENCY,
  COOKIE_LIFE,
  COOKIE_NONCE_BYTES,
  COOKIE_SECRET_LIFE,
  KEY_BYTES,
  LABEL_COOKIE,
  LABEL_MAC1,
  MAC_BYTES,
} from './constants.js';
import type { Endpoint, Millis } from './dataplane.js';
import {
  type CookieReply,
  encodeCookieReply,
  INITIATION_LENGTH,
  RESPONSE_LENGTH,
  readSender,
} from './messages.js';

const utf8 = new TextEncoder();

/**
 * The receiving side: checks the macs of initiations and responses made for our public key, and
 * makes cookie replies. A message of any other length fails both checks.
 */
export class CookieChecker {
  readonly #mac1Key: Uint8Array;
  readonly #cookieKey: Uint8Array;
  #secret: Secret | undefined;
  #secretMadeAt: Millis = 0;

  constructor(ownPublicKey: Uint8Array) {
    this.#mac1Key = hash(LABEL_MAC1, ownPublicKey);
    this.#cookieKey = hash(LABEL_COOKIE, ownPublicKey);
  }

  /** Returns whether mac1 is valid, that is, whether the sender knows our public key. */
  checkMac1(message: Uint8Array): boolean {
    if (!hasMacs(message)) return false;
    return constantTimeEquals(mac1Of(message), mac(this.#mac1Key, beforeMac1(message)));
  }

  /** Returns whether the sender holds the cookie of our current secret for the address and port `from`. */
  checkMac2(message: Uint8Array, from: Endpoint, now: Millis): boolean {
    if (!hasMacs(message)) return false;
    this.#expireSecret(now);
    if (!this.#secret) return false;
    const cookie = cookieFor(this.#secret, from);
    const expected = mac(cookie, beforeMac2(message));
    cookie.fill(0);
    return constantTimeEquals(mac2Of(message), expected);
  }

  /**
   * Returns the cookie reply, 64 bytes, to an initiation or response whose mac1 is valid. `random`
   * returns the requested number of unpredictable bytes, in an array that nothing else uses. Throws
   * RangeError for a message of any other length.
   */
  createReply(
    message: Uint8Array,
    from: Endpoint,
    now: Millis,
    random: (length: number) => Uint8Array,
  ): Uint8Array {
    if (!hasMacs(message)) throw new RangeError('only an initiation or response gets a cookie');
    const cookie = cookieFor(this.#presentSecret(now, random), from);
    const nonce = random(COOKIE_NONCE_BYTES);
    const encryptedCookie = xchachaSeal(this.#cookieKey, nonce, cookie, mac1Of(message));
    cookie.fill(0);
    return encodeCookieReply({ receiver: readSender(message), nonce, encryptedCookie });
  }

  /** Forgets the secret, which makes all cookies handed out so far invalid. */
  zero(): void {
    this.#secret?.zero();
    this.#secret = undefined;
  }

  #expireSecret(now: Millis): void {
    if (now - this.#secretMadeAt >= COOKIE_SECRET_LIFE) this.zero();
  }

  #presentSecret(now: Millis, random: (length: number) => Uint8Array): Secret {
    this.#expireSecret(now);
    if (!this.#secret) {
      this.#secret = Secret.take(random(KEY_BYTES));
      this.#secretMadeAt = now;
    }
    return this.#secret;
  }
}

/** The sending side for one peer: puts the macs into messages, and keeps the peer's cookie. */
export class CookieGenerator {
  readonly #mac1Key: Uint8Array;
  readonly #cookieKey: Uint8Array;
  #unansweredMac1: Uint8Array | undefined;
  #cookie: Secret | undefined;
  #cookieCameAt: Millis = 0;

  constructor(peerPublicKey: Uint8Array) {
    this.#mac1Key = hash(LABEL_MAC1, peerPublicKey);
    this.#cookieKey = hash(LABEL_COOKIE, peerPublicKey);
  }

  /**
   * Fills in mac1 and mac2 of an initiation or response, in place; mac2 is zero without a fresh
   * cookie. Throws RangeError for a message of any other length.
   */
  addMacs(message: Uint8Array, now: Millis): void {
    if (!hasMacs(message)) throw new RangeError('only an initiation or response has macs');
    const mac1 = mac(this.#mac1Key, beforeMac1(message));
    mac1Of(message).set(mac1);
    this.#unansweredMac1 = mac1;
    if (now - this.#cookieCameAt >= COOKIE_LIFE - COOKIE_LATENCY) this.#forgetCookie();
    if (this.#cookie) mac2Of(message).set(mac(this.#cookie.expose(), beforeMac2(message)));
    else mac2Of(message).fill(0);
  }

  /**
   * Keeps the cookie of a reply to the last message sent. Returns false for a reply that does not
   * belong to it, or when it was already answered: a repeated reply must not make a cookie last longer.
   */
  consumeReply(reply: CookieReply, now: Millis): boolean {
    if (!this.#unansweredMac1) return false;
    const cookie = xchachaOpen(
      this.#cookieKey,
      reply.nonce,
      reply.encryptedCookie,
      this.#unansweredMac1,
    );
    if (cookie?.length !== MAC_BYTES) return false;
    this.#forgetCookie();
    this.#cookie = Secret.take(cookie);
    this.#cookieCameAt = now;
    this.#unansweredMac1 = undefined;
    return true;
  }

  /** Forgets the cookie and the message sent. The generator can still be used afterwards. */
  zero(): void {
    this.#forgetCookie();
    this.#unansweredMac1 = undefined;
  }

  #forgetCookie(): void {
    this.#cookie?.zero();
    this.#cookie = undefined;
  }
}

/**
 * Returns the cookie, 16 bytes, which the caller zeroes. Only this device reads it, so how the source is
 * encoded need not be interoperable.
 */
function cookieFor(secret: Secret, from: Endpoint): Uint8Array {
  const port = Uint8Array.of(from.port >>> 8, from.port);
  return mac(secret.expose(), utf8.encode(from.address), port);
}

function hasMacs(message: Uint8Array): boolean {
  return message.length === INITIATION_LENGTH || message.length === RESPONSE_LENGTH;
}

function beforeMac1(message: Uint8Array): Uint8Array {
  return message.subarray(0, -2 * MAC_BYTES);
}

function beforeMac2(message: Uint8Array): Uint8Array {
  return message.subarray(0, -MAC_BYTES);
}

function mac1Of(message: Uint8Array): Uint8Array {
  return message.subarray(-2 * MAC_BYTES, -MAC_BYTES);
}

function mac2Of(message: Uint8Array): Uint8Array {
  return message.subarray(-MAC_BYTES);
}
