const LENGTH = 32;

/** An implementation of X25519 (RFC 7748). */
export interface X25519 {
  /** As shown by `wg-ts version`. */
  readonly name: string;
  /**
   * The public key (32 bytes) of a private key (32 bytes, clamped or not). Throws RangeError for
   * another length.
   */
  publicKey(privateKey: Uint8Array): Uint8Array;
  /**
   * The shared secret, 32 bytes, which the caller zeroes; undefined when it would be all zeros,
   * that is for a public key of low order (RFC 7748, section 6.1). Throws RangeError for a key of
   * another length than 32 bytes, and nothing for what the keys hold.
   */
  sharedSecret(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined;
}

/** What is used of noble: its ready-made `x25519`, or its ladder with the same parameters. */
export interface NobleX25519 {
  getPublicKey(privateKey: Uint8Array): Uint8Array;
  getSharedSecret(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array;
}

export function createNobleX25519(noble: NobleX25519): X25519 {
  return {
    name: 'noble',
    publicKey(privateKey) {
      checkLengths(privateKey);
      return noble.getPublicKey(privateKey);
    },
    sharedSecret(privateKey, publicKey) {
      checkLengths(privateKey, publicKey);
      try {
        return noble.getSharedSecret(privateKey, publicKey);
      } catch {
        return undefined;
      }
    },
  };
}

/** Throws RangeError, without a word about the content. */
export function checkLengths(...keys: readonly Uint8Array[]): void {
  for (const key of keys) {
    if (key.length !== LENGTH) throw new RangeError('an X25519 key has 32 bytes');
  }
}

/** Clears and sets the bits of a private key in place as RFC 7748, section 5 asks. */
export function clamp(privateKey: Uint8Array): Uint8Array {
  checkLengths(privateKey);
  privateKey[0] = (privateKey[0] as number) & 248;
  privateKey[31] = ((privateKey[31] as number) & 127) | 64;
  return privateKey;
}
