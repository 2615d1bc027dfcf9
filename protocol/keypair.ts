import { REJECT_AFTER_TIME } from './constants.js';
import type { Millis, TransportKeypair } from './dataplane.js';

export interface SlottedKeypair {
  /** The index that we chose. */
  readonly localIndex: number;
  readonly isInitiator: boolean;
  readonly createdAt: Millis;
}

/**
 * A peer's keypairs: `current` to send with, `previous` for messages still in flight, `next` for the
 * responder until the initiator has shown that it holds the new key (section 6.3). The control plane and
 * the data plane each keep such slots and change them by the same rules.
 *
 * Two rules keep packets from being lost when both sides initiate at once, and make both settle on
 * one session: an initiator's new keypair leaves `next` unchanged, and a `next` that is older than
 * `current` is used for receiving but never promoted.
 */
export class KeypairSlots<K extends SlottedKeypair> {
  previous: K | undefined;
  current: K | undefined;
  next: K | undefined;

  /** Puts a new keypair into its slot and returns the keypairs that were dropped from theirs. */
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

  /** Returns whether a message under `keypair` confirms it, so that it must be promoted. */
  isConfirmedBy(keypair: K): boolean {
    return keypair === this.next && !(this.current && this.current.createdAt > keypair.createdAt);
  }

  /** Makes `next` current and returns the keypair that was dropped. */
  promote(): K | undefined {
    const dropped = this.previous;
    this.previous = this.current;
    this.current = this.next;
    this.next = undefined;
    return dropped;
  }

  /** Empties the slots and returns the keypairs that were in them. */
  clear(): K[] {
    const all = [this.previous, this.current, this.next].filter((k) => k !== undefined);
    this.previous = undefined;
    this.current = undefined;
    this.next = undefined;
    return all;
  }
}

/** Zeroes the keys of a keypair that is no longer used. */
export function zeroKeys({ sendKey, receiveKey }: TransportKeypair): void {
  sendKey.zero();
  receiveKey.zero();
}
