import { type AeadProvider, NONCE_LENGTH, TAG_LENGTH } from '../crypto/aead.js';
import { hash, kdf1, kdf2, kdf3 } from '../crypto/blake2s.js';
import { Secret } from '../crypto/secret.js';

/** Each handshake key encrypts one message, so that its counter is always zero (section 5.4.2). */
const ZERO_NONCE = new Uint8Array(NONCE_LENGTH);

/** The chaining key and the running hash of a handshake: SymmetricState of the Noise framework. */
export class SymmetricState {
  readonly #aead: AeadProvider;
  #chainingKey: Secret;
  #hash: Uint8Array;

  /** Copies the chaining key. Both arrays have 32 bytes. */
  constructor(aead: AeadProvider, chainingKey: Uint8Array, initialHash: Uint8Array) {
    this.#aead = aead;
    this.#chainingKey = Secret.copyOf(chainingKey);
    this.#hash = initialHash;
  }

  mixHash(data: Uint8Array): void {
    this.#hash = hash(this.#hash, data);
  }

  /** Advances the chaining key without deriving a key from it. */
  mixChain(input: Uint8Array): void {
    this.#replaceChainingKey(kdf1(this.#chainingKey.expose(), input));
  }

  /** Advances the chaining key and derives a key of 32 bytes, which the next en- or decryption zeroes. */
  mixKey(input: Uint8Array): Secret {
    const [chainingKey, key] = kdf2(this.#chainingKey.expose(), input);
    this.#replaceChainingKey(chainingKey);
    return Secret.take(key);
  }

  /** MixKeyAndHash of the Noise framework, for the preshared key. */
  mixKeyAndHash(input: Uint8Array): Secret {
    const [chainingKey, toHash, key] = kdf3(this.#chainingKey.expose(), input);
    this.#replaceChainingKey(chainingKey);
    this.mixHash(toHash);
    return Secret.take(key);
  }

  /** Zeroes `key`. Returns ciphertext and tag. */
  encryptAndHash(key: Secret, plaintext: Uint8Array): Uint8Array {
    const sealed = new Uint8Array(plaintext.length + TAG_LENGTH);
    const aeadKey = this.#aead.createKey(key.expose());
    aeadKey.seal(ZERO_NONCE, plaintext, sealed, this.#hash);
    aeadKey.destroy();
    key.zero();
    this.mixHash(sealed);
    return sealed;
  }

  /** Zeroes `key`. Returns the plaintext, or undefined when the tag is wrong. */
  decryptAndHash(key: Secret, sealed: Uint8Array): Uint8Array | undefined {
    const plaintext = new Uint8Array(sealed.length - TAG_LENGTH);
    const aeadKey = this.#aead.createKey(key.expose());
    const authentic = aeadKey.open(ZERO_NONCE, sealed, plaintext, this.#hash);
    aeadKey.destroy();
    key.zero();
    if (!authentic) return undefined;
    this.mixHash(sealed);
    return plaintext;
  }

  /** Returns the two transport keys; the first is from initiator to responder (section 5.4.5). */
  split(): [Secret, Secret] {
    const [first, second] = kdf2(this.#chainingKey.expose(), new Uint8Array(0));
    return [Secret.take(first), Secret.take(second)];
  }

  clone(): SymmetricState {
    return new SymmetricState(this.#aead, this.#chainingKey.expose(), this.#hash);
  }

  zero(): void {
    this.#chainingKey.zero();
  }

  #replaceChainingKey(next: Uint8Array): void {
    this.#chainingKey.zero();
    this.#chainingKey = Secret.take(next);
  }
}
