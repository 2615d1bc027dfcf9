import { chacha20poly1305, xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import type { AeadProvider } from './aead.js';

export const nobleAead: AeadProvider = {
  name: 'noble',
  createKey(key) {
    const copy = Uint8Array.from(key);
    return {
      seal(nonce, plaintext, out, additionalData) {
        chacha20poly1305(copy, nonce, additionalData).encrypt(
          plaintext,
          out.subarray(0, plaintext.length + 16),
        );
      },
      open(nonce, sealed, out, additionalData) {
        try {
          chacha20poly1305(copy, nonce, additionalData).decrypt(
            sealed,
            out.subarray(0, sealed.length - 16),
          );
          return true;
        } catch {
          return false;
        }
      },
      destroy() {
        copy.fill(0);
      },
    };
  },
};

/** XChaCha20-Poly1305 with a 24-byte nonce, for cookies only. */
export function xchachaSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  additionalData: Uint8Array,
): Uint8Array {
  return xchacha20poly1305(key, nonce, additionalData).encrypt(plaintext);
}

/** Undefined when the tag does not fit. */
export function xchachaOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  additionalData: Uint8Array,
): Uint8Array | undefined {
  try {
    return xchacha20poly1305(key, nonce, additionalData).decrypt(sealed);
  } catch {
    return undefined;
  }
}
