import { describe, expect, it } from 'vitest';
import { xchachaOpen, xchachaSeal } from '../../crypto/chacha20poly1305.js';
import vectors from '../vectors/xchacha.json' with { type: 'json' };
import { bytes, flipBit, hex, pattern } from './support.js';

describe('XChaCha20-Poly1305', () => {
  it.each(vectors)('seals and opens draft-irtf-cfrg-xchacha, $section', (vector) => {
    const key = bytes(vector.key);
    const nonce = bytes(vector.nonce);
    const data = bytes(vector.additionalData);
    const sealed = xchachaSeal(key, nonce, bytes(vector.plaintext), data);
    expect(hex(sealed)).toBe(vector.ciphertext + vector.tag);
    expect(hex(xchachaOpen(key, nonce, sealed, data) as Uint8Array)).toBe(vector.plaintext);
  });

  it('refuses a cookie reply with any bit changed, and one that is too short', () => {
    const key = pattern(32, 1);
    const nonce = pattern(24, 2);
    const mac1 = pattern(16, 3);
    const sealed = xchachaSeal(key, nonce, pattern(16, 4), mac1);
    expect(sealed).toHaveLength(32);
    for (let bit = 0; bit < 32 * 8; bit++) {
      expect(xchachaOpen(key, nonce, flipBit(sealed, bit), mac1)).toBeUndefined();
    }
    expect(xchachaOpen(key, nonce, sealed, flipBit(mac1, 0))).toBeUndefined();
    expect(xchachaOpen(key, flipBit(nonce, 191), sealed, mac1)).toBeUndefined();
    expect(xchachaOpen(key, nonce, sealed.subarray(0, 15), mac1)).toBeUndefined();
    expect(xchachaOpen(key, nonce, sealed, mac1)).toEqual(pattern(16, 4));
  });
});
