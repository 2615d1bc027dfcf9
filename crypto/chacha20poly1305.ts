import { chacha20poly1305, xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { type AeadCipher, type AeadProvider, keyFrom, TAG_LENGTH } from './aead.js';

const nobleCipher: AeadCipher = {
  seal(key, nonce, plaintext, out, additionalData) {
    chacha20poly1305(key, nonce, additionalData).encrypt(
      plaintext,
      out.subarray(0, plaintext.length + TAG_LENGTH),
    );
  },
  open(key, nonce, sealed, out, additionalData) {
    const cipher = chacha20poly1305(key, nonce, additionalData);
    try {
      cipher.decrypt(sealed, out.subarray(0, sealed.length - TAG_LENGTH));
      return true;
    } catch {
      return false;
    }
  },
};

export const nobleAead: AeadProvider = {
  name: 'noble',
  createKey: (key) => keyFrom(nobleCipher, key),
};

/**
 * Encrypts with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) and a 24-byte nonce, for cookies only
 * (section 5.4.7). Returns ciphertext and tag, `plaintext.length + 16` bytes.
 */
export function xchachaSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  additionalData: Uint8Array,
): Uint8Array {
  return xchacha20poly1305(key, nonce, additionalData).encrypt(plaintext);
}

/** Returns the plaintext, or undefined when the tag is wrong or `sealed` is shorter than a tag. */
export function xchachaOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  additionalData: Uint8Array,
): Uint8Array | undefined {
  const cipher = xchacha20poly1305(key, nonce, additionalData);
  try {
    return cipher.decrypt(sealed);
  } catch {
    return undefined;
  }
}
