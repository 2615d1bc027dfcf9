import { UNDER_LOAD_AFTER } from './constants.js';
import { CookieChecker } from './cookie.js';
import type { Endpoint, Millis } from './dataplane.js';
import { type HandshakeType, MessageType } from './messages.js';
import { RateLimiter } from './ratelimiter.js';

export interface QueuedHandshake {
  readonly type: HandshakeType;
  readonly message: Uint8Array;
  readonly from: Endpoint;
}

/** The greatest number of handshake messages that wait; beyond it new ones are dropped. */
export const MAX_QUEUED_HANDSHAKES = 1024;
/** With this many messages waiting, or more, the device is under load. */
export const UNDER_LOAD_FROM: number = MAX_QUEUED_HANDSHAKES / 8;

export type Verdict = 'accept' | 'needsCookie' | 'drop';

/**
 * Guards the costly part of a handshake (section 5.3): checks mac1 before a message may wait, and under
 * load a cookie and the rate limit of its source before it is processed.
 */
export class HandshakeQueue {
  readonly #checker: CookieChecker;
  readonly #limiter = new RateLimiter();
  #queue: QueuedHandshake[] = [];
  #underLoadAt: Millis = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(ownPublicKey: Uint8Array) {
    this.#checker = new CookieChecker(ownPublicKey);
  }

  get length(): number {
    return this.#queue.length;
  }

  /** Queues a message. Drops it when its mac1 is wrong or the queue is full. */
  push(handshake: QueuedHandshake): void {
    const { type, message } = handshake;
    if (this.#isClosed || this.#queue.length >= MAX_QUEUED_HANDSHAKES) return;
    if (type !== MessageType.cookieReply && !this.#checker.checkMac1(message)) return;
    this.#queue.push(handshake);
  }

  /** Removes and returns the next message, with what to do with it. */
  shift(now: Millis): { handshake: QueuedHandshake; verdict: Verdict } | undefined {
    const underLoad = this.#isUnderLoad(now);
    const handshake = this.#queue.shift();
    return handshake && { handshake, verdict: this.#judge(now, handshake, underLoad) };
  }

  cookieReply(
    now: Millis,
    handshake: QueuedHandshake,
    random: (length: number) => Uint8Array,
  ): Uint8Array {
    return this.#checker.createReply(handshake.message, handshake.from, now, random);
  }

  /** Drops all messages and accepts no more, since the key to answer them is gone. */
  close(): void {
    this.#isClosed = true;
    this.#checker.zero();
    this.#queue = [];
  }

  #judge(now: Millis, { type, message, from }: QueuedHandshake, underLoad: boolean): Verdict {
    if (type === MessageType.cookieReply || !underLoad) return 'accept';
    if (!this.#checker.checkMac2(message, from, now)) return 'needsCookie';
    return this.#limiter.allow(from.address, now) ? 'accept' : 'drop';
  }

  /** Stays true for a while after the queue was long (one second, as in wireguard-go and the kernel). */
  #isUnderLoad(now: Millis): boolean {
    if (this.#queue.length >= UNDER_LOAD_FROM) this.#underLoadAt = now;
    return now - this.#underLoadAt < UNDER_LOAD_AFTER;
  }
}
