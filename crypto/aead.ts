export const KEY_LENGTH = 32;
export const NONCE_LENGTH = 12;
export const TAG_LENGTH = 16;

/** A ChaCha20-Poly1305 key (RFC 8439), prepared for many packets. */
export interface AeadKey {
  /**
   * Encrypts `plaintext` and writes ciphertext and tag, `plaintext.length + 16` bytes, to the start
   * of `out`. `nonce` has 12 bytes. `out` and `plaintext` must not overlap. Throws RangeError for
   * any other nonce length or an `out` that is too short, Error after destroy().
   */
  seal(
    nonce: Uint8Array,
    plaintext: Uint8Array,
    out: Uint8Array,
    additionalData?: Uint8Array,
  ): void;
  /**
   * Decrypts `sealed` (ciphertext and tag, at least 16 bytes) to the start of `out`. Returns false
   * when the tag is wrong; the content of `out` is then meaningless. Never throws because of the
   * content of `sealed`; otherwise throws as seal() does.
   */
  open(
    nonce: Uint8Array,
    sealed: Uint8Array,
    out: Uint8Array,
    additionalData?: Uint8Array,
  ): boolean;
  /** Zeroes what can be zeroed. The key cannot be used afterwards. */
  destroy(): void;
}

/** An implementation of ChaCha20-Poly1305 (RFC 8439). */
export interface AeadProvider {
  /** As shown by `wg-ts version`, for example `noble` or `node:crypto`. */
  readonly name: string;
  /** Copies `key` (32 bytes). Throws RangeError for any other length. */
  createKey(key: Uint8Array): AeadKey;
}

/** The algorithm behind a key of keyFrom(), which has already checked the lengths. */
export interface AeadCipher {
  seal(
    key: Uint8Array,
    nonce: Uint8Array,
    plaintext: Uint8Array,
    out: Uint8Array,
    additionalData: Uint8Array | undefined,
  ): void;
  open(
    key: Uint8Array,
    nonce: Uint8Array,
    sealed: Uint8Array,
    out: Uint8Array,
    additionalData: Uint8Array | undefined,
  ): boolean;
}

/**
 * Implements what the keys of all providers have in common: a copy of the key bytes, and the length
 * checks, which the underlying libraries leave out (OpenSSL pads a short nonce, for example) or
 * report as if the tag were wrong.
 */
export function keyFrom(cipher: AeadCipher, keyBytes: Uint8Array): AeadKey {
  if (keyBytes.length !== KEY_LENGTH) throw new RangeError('an AEAD key has 32 bytes');
  const key = Uint8Array.from(keyBytes);
  let destroyed = false;

  const check = (nonce: Uint8Array, out: Uint8Array, needed: number): void => {
    if (destroyed) throw new Error('this AEAD key has been destroyed');
    if (nonce.length !== NONCE_LENGTH) throw new RangeError('an AEAD nonce has 12 bytes');
    if (out.length < needed) throw new RangeError('the output is too short for the AEAD result');
  };

  return {
    seal(nonce, plaintext, out, additionalData) {
      check(nonce, out, plaintext.length + TAG_LENGTH);
      cipher.seal(key, nonce, plaintext, out, additionalData);
    },
    open(nonce, sealed, out, additionalData) {
      check(nonce, out, sealed.length - TAG_LENGTH);
      if (sealed.length < TAG_LENGTH) return false;
      return cipher.open(key, nonce, sealed, out, additionalData);
    },
    destroy() {
      key.fill(0);
      destroyed = true;
    },
  };
}
