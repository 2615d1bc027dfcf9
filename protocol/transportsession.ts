import { type AeadKey, type AeadProvider, NONCE_LENGTH } from '../crypto/aead.js';
import { REJECT_AFTER_MESSAGES, REJECT_AFTER_TIME } from './constants.js';
import type { Millis, TransportKeypair } from './dataplane.js';
import type { SlottedKeypair } from './keypair.js';
import { ReplayWindow } from './replay.js';

/** A keypair in use: its two keys, its send counter, its replay window and its limits. */
export class TransportSession implements SlottedKeypair {
  readonly localIndex: number;
  readonly remoteIndex: number;
  readonly isInitiator: boolean;
  readonly createdAt: Millis;
  readonly #sendKey: AeadKey;
  readonly #receiveKey: AeadKey;
  readonly #replay = new ReplayWindow();
  readonly #nonce = new Uint8Array(NONCE_LENGTH);
  readonly #nonceView = new DataView(this.#nonce.buffer);
  #sendCounter: bigint;

  /** Copies the keys. */
  constructor(aead: AeadProvider, keypair: TransportKeypair) {
    this.localIndex = keypair.localIndex;
    this.remoteIndex = keypair.remoteIndex;
    this.isInitiator = keypair.isInitiator;
    this.createdAt = keypair.createdAt;
    this.#sendKey = aead.createKey(keypair.sendKey.expose());
    this.#receiveKey = aead.createKey(keypair.receiveKey.expose());
    this.#sendCounter = keypair.sendCounter ?? 0n;
  }

  isExpired(now: Millis): boolean {
    return now - this.createdAt >= REJECT_AFTER_TIME;
  }

  canSend(now: Millis): boolean {
    return !this.isExpired(now) && this.#sendCounter < REJECT_AFTER_MESSAGES;
  }

  /** Returns the next counter, each only once. Throws RangeError at the limit: call `canSend` first. */
  takeCounter(): bigint {
    if (this.#sendCounter >= REJECT_AFTER_MESSAGES)
      throw new RangeError('the send counter is at its limit');
    return this.#sendCounter++;
  }

  /** Writes `plaintext.length + 16` bytes to `out`. */
  seal(counter: bigint, plaintext: Uint8Array, out: Uint8Array): void {
    this.#nonceView.setBigUint64(4, counter, true);
    this.#sendKey.seal(this.#nonce, plaintext, out);
  }

  /** Returns false for a counter that was seen or lies behind the window, and for a wrong tag. */
  open(counter: bigint, sealed: Uint8Array, out: Uint8Array): boolean {
    // A replay costs no decryption; the window itself moves only for authentic messages.
    if (!this.#replay.isFresh(counter)) return false;
    this.#nonceView.setBigUint64(4, counter, true);
    return this.#receiveKey.open(this.#nonce, sealed, out) && this.#replay.accept(counter);
  }

  destroy(): void {
    this.#sendKey.destroy();
    this.#receiveKey.destroy();
  }
}
