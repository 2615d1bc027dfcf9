import { REJECT_AFTER_TIME } from './constants.js';
import type { Millis, TransportKeypair } from './dataplane.js';

export interface SlottedKeypair {
  /** The index that we chose. */
  readonly localIndex: number;
  readonly isInitiator: boolean;
  readonly createdAt: Millis;
}

/**
 * A peer's keypairs: `current` to send with, `previous` for what is still under way, `next` for the
 * responder until the initiator has shown that it holds the new key (section 6.3). Control and data
 * plane each keep such slots and change them by the same rules.
 *
 * Two rules keep packets from being lost when both sides initiate at once, and make both settle on
 * one session: an initiator's new keypair leaves `next` where it is, and a `next` that is older than
 * `current` is good for receiving but never promoted.
 */
export class KeypairSlots<K extends SlottedKeypair> {
  previous: K | undefined;
  current: K | undefined;
  next: K | undefined;

  /** Puts a new keypair in its place and answers those that lost their own. */
  install(keypair: K): K[] {
    const dropped: (K | undefined)[] = [];
    if (keypair.isInitiator) {
      dropped.push(this.previous);
      this.previous = this.current;
      this.current = keypair;
      if (this.next && keypair.createdAt - this.next.createdAt >= REJECT_AFTER_TIME) {
        dropped.push(this.next);
        this.next = undefined;
      }
    } else {
      dropped.push(this.next);
      this.next = keypair;
    }
    return dropped.filter((k) => k !== undefined);
  }

  /** Whether a message under `keypair` confirms it, so that it must be promoted. */
  isConfirmedBy(keypair: K): boolean {
    return keypair === this.next && !(this.current && this.current.createdAt > keypair.createdAt);
  }

  /** Makes `next` current and answers the keypair that lost its place. */
  promote(): K | undefined {
    const dropped = this.previous;
    this.previous = this.current;
    this.current = this.next;
    this.next = undefined;
    return dropped;
  }

  /** Empties the slots and answers what was in them. */
  clear(): K[] {
    const all = [this.previous, this.current, this.next].filter((k) => k !== undefined);
    this.previous = undefined;
    this.current = undefined;
    this.next = undefined;
    return all;
  }
}

/** Of a keypair that nothing will use any more. */
export function zeroKeys({ sendKey, receiveKey }: TransportKeypair): void {
  sendKey.zero();
  receiveKey.zero();
}
