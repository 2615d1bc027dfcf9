import { x25519 } from '@noble/curves/ed25519.js';

const LENGTH = 32;

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

export const nobleX25519: X25519 = {
  name: 'noble',
  publicKey(privateKey) {
    checkLengths(privateKey);
    return x25519.getPublicKey(privateKey);
  },
  sharedSecret(privateKey, publicKey) {
    checkLengths(privateKey, publicKey);
    try {
      return x25519.getSharedSecret(privateKey, publicKey);
    } catch {
      return undefined;
    }
  },
};

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
