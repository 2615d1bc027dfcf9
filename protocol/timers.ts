/**
 * The five timers of a peer (sections 6.1 to 6.5, and the kernel's timers.c for what the paper
 * leaves open). All are deadlines; their owner calls `take` to find what is due.
 *
 * - retransmitHandshake: REKEY_TIMEOUT plus jitter after an initiation without a response.
 * - newHandshake: data was sent and nothing heard for KEEPALIVE_TIMEOUT + REKEY_TIMEOUT.
 * - sendKeepalive: data was received and nothing sent for KEEPALIVE_TIMEOUT.
 * - persistentKeepalive: its interval after any authenticated packet in either direction.
 * - zeroKeys: 3 x REJECT_AFTER_TIME after the last session was made.
 */
import {
  KEEPALIVE_TIMEOUT,
  MAX_TIMER_HANDSHAKES,
  REJECT_AFTER_TIME,
  REKEY_TIMEOUT,
  REKEY_TIMEOUT_JITTER,
} from './constants.js';
import type { Millis } from './dataplane.js';

export type TimerName =
  | 'retransmitHandshake'
  | 'newHandshake'
  | 'sendKeepalive'
  | 'persistentKeepalive'
  | 'zeroKeys';

export class PeerTimers {
  readonly #deadlines: Record<TimerName, Millis> = {
    retransmitHandshake: Number.POSITIVE_INFINITY,
    newHandshake: Number.POSITIVE_INFINITY,
    sendKeepalive: Number.POSITIVE_INFINITY,
    persistentKeepalive: Number.POSITIVE_INFINITY,
    zeroKeys: Number.POSITIVE_INFINITY,
  };
  readonly #jitter: () => Millis;
  #persistentInterval = 0;
  #attempts = 0;
  #needsAnotherKeepalive = false;
  #ownKeepaliveUnderWay = false;

  /** `random(n)` returns n random bytes. */
  constructor(random: (length: number) => Uint8Array) {
    this.#jitter = () => {
      const [low = 0, high = 0] = random(2);
      return ((high << 8) | low) % (REKEY_TIMEOUT_JITTER + 1);
    };
  }

  /** The earliest deadline, or Infinity when no timer is set. */
  get next(): Millis {
    return Math.min(...Object.values(this.#deadlines));
  }

  /** Sets the interval in milliseconds; 0 is off. The same interval again changes nothing. */
  setPersistentInterval(now: Millis, interval: Millis): void {
    if (interval === this.#persistentInterval) return;
    this.#persistentInterval = interval;
    if (interval === 0) this.#clear('persistentKeepalive');
    else this.#deadlines.persistentKeepalive = now + interval;
  }

  /** Returns whether the timer is due at `now`; if so it is cleared. */
  take(now: Millis, name: TimerName): boolean {
    if (this.#deadlines[name] > now) return false;
    this.#clear(name);
    if (name === 'sendKeepalive' && this.#needsAnotherKeepalive) {
      this.#needsAnotherKeepalive = false;
      this.#ownKeepaliveUnderWay = true;
      this.#deadlines.sendKeepalive = now + KEEPALIVE_TIMEOUT;
    }
    return true;
  }

  dataSent(now: Millis): void {
    if (this.#isSet('newHandshake')) return;
    this.#deadlines.newHandshake = now + KEEPALIVE_TIMEOUT + REKEY_TIMEOUT + this.#jitter();
  }

  dataReceived(now: Millis): void {
    if (this.#isSet('sendKeepalive')) this.#needsAnotherKeepalive = true;
    else this.#deadlines.sendKeepalive = now + KEEPALIVE_TIMEOUT;
  }

  anyAuthenticatedSent(): void {
    // The keepalive that was just due must not cancel the next one, which is already scheduled.
    if (!this.#ownKeepaliveUnderWay) this.#clear('sendKeepalive');
    this.#ownKeepaliveUnderWay = false;
  }

  anyAuthenticatedReceived(): void {
    this.#clear('newHandshake');
  }

  anyAuthenticatedTraversal(now: Millis): void {
    if (this.#persistentInterval > 0)
      this.#deadlines.persistentKeepalive = now + this.#persistentInterval;
  }

  handshakeInitiated(now: Millis): void {
    this.#deadlines.retransmitHandshake = now + REKEY_TIMEOUT + this.#jitter();
  }

  /** An initiation has to wait, since another handshake message was sent at `sentAt`. */
  handshakeDelayed(sentAt: Millis): void {
    if (!this.#isSet('retransmitHandshake')) this.handshakeInitiated(sentAt);
  }

  /** Something other than a retry wants a handshake: the attempts are counted anew. */
  handshakeWanted(): void {
    this.#attempts = 0;
  }

  /** Counts a retry. Returns false when it is time to give up (REKEY_ATTEMPT_TIME, section 6.4). */
  retryHandshake(): boolean {
    if (this.#attempts > MAX_TIMER_HANDSHAKES) return false;
    this.#attempts++;
    return true;
  }

  handshakeGivenUp(now: Millis): void {
    this.#clear('sendKeepalive');
    if (!this.#isSet('zeroKeys')) this.sessionDerived(now);
  }

  handshakeComplete(): void {
    this.#clear('retransmitHandshake');
    this.#attempts = 0;
  }

  sessionDerived(now: Millis): void {
    this.#deadlines.zeroKeys = now + 3 * REJECT_AFTER_TIME;
  }

  #isSet(name: TimerName): boolean {
    return this.#deadlines[name] !== Number.POSITIVE_INFINITY;
  }

  #clear(name: TimerName): void {
    this.#deadlines[name] = Number.POSITIVE_INFINITY;
  }
}
