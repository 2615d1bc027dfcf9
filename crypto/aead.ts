export const KEY_LENGTH = 32;
export const NONCE_LENGTH = 12;
export const TAG_LENGTH = 16;

/** One ChaCha20-Poly1305 key (RFC 8439), kept ready for many packets. */
export interface AeadKey {
  /**
   * Encrypts `plaintext` and writes ciphertext and tag, `plaintext.length + 16` bytes, to the start
   * of `out`. `nonce` has 12 bytes. `out` and `plaintext` must not overlap.
   */
  seal(
    nonce: Uint8Array,
    plaintext: Uint8Array,
    out: Uint8Array,
    additionalData?: Uint8Array,
  ): void;
  /**
   * Decrypts `sealed` (ciphertext and tag, at least 16 bytes) to the start of `out`.
   * Answers false when the tag does not fit; what `out` holds is then meaningless. Never throws for
   * the content of `sealed`.
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

export interface AeadProvider {
  /** As shown by `wg-ts version`, for example `noble` or `node:crypto`. */
  readonly name: string;
  /** Copies `key` (32 bytes). */
  createKey(key: Uint8Array): AeadKey;
}
