const LENGTH = 32;

/** An implementation of X25519 (RFC 7748). */
export interface X25519 {
  /** As shown by `wg-ts version`. */
  readonly name: string;
  /**
   * Returns the public key (32 bytes) of a private key (32 bytes, clamped or not). Throws RangeError
   * for any other length.
   */
  publicKey(privateKey: Uint8Array): Uint8Array;
  /**
   * Returns the shared secret, 32 bytes, which the caller must zero, or undefined when it would be all
   * zeros, that is for a public key of low order (RFC 7748, section 6.1). Throws RangeError for a key
   * that does not have 32 bytes; never throws because of the content of a key.
   */
  sharedSecret(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined;
}

/** The part of noble that is used: its ready-made `x25519`, or its ladder with the same parameters. */
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

/** Throws RangeError for a key that does not have 32 bytes; the message holds nothing of the key. */
export function checkLengths(...keys: readonly Uint8Array[]): void {
  for (const key of keys) {
    if (key.length !== LENGTH) throw new RangeError('an X25519 key has 32 bytes');
  }
}

/** Clears and sets the bits of a private key in place as RFC 7748, section 5 requires. Returns the key. */
export function clamp(privateKey: Uint8Array): Uint8Array {
  checkLengths(privateKey);
  privateKey[0] = (privateKey[0] as number) & 248;
  privateKey[31] = ((privateKey[31] as number) & 127) | 64;
  return privateKey;
}
