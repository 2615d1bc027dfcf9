import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nobleAead } from '../../crypto/chacha20poly1305.js';
import { nobleX25519 } from '../../crypto/noblex25519.js';
import { nodeAead, nodeX25519 } from '../../crypto/nodecrypto.js';
import { flipBit, open, pattern, seal } from './support.js';

const exactly = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });
const packet = fc.record({
  key: exactly(32),
  nonce: exactly(12),
  plaintext: fc.uint8Array({ maxLength: 1500 }),
  additionalData: fc.option(fc.uint8Array({ maxLength: 80 }), { nil: undefined }),
});

describe('node:crypto does what noble does', () => {
  it('for X25519, of random keys and of keys near the edges', () => {
    const edgy = fc
      .tuple(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.array(fc.tuple(fc.nat(31), fc.nat(255))))
      .map(([fill, changes]) => {
        const key = new Uint8Array(32).fill(fill);
        for (const [index, value] of changes) key[index] = value;
        return key;
      });
    const key = fc.oneof(exactly(32), edgy);
    fc.assert(
      fc.property(key, key, (privateKey, publicKey) => {
        expect(nodeX25519.publicKey(privateKey)).toEqual(nobleX25519.publicKey(privateKey));
        expect(nodeX25519.sharedSecret(privateKey, publicKey)).toEqual(
          nobleX25519.sharedSecret(privateKey, publicKey),
        );
      }),
      { numRuns: 100 },
    );
  });

  it('for sealing, every length from 0 to 300', () => {
    const noble = nobleAead.createKey(pattern(32, 1));
    const node = nodeAead.createKey(pattern(32, 1));
    for (let length = 0; length <= 300; length++) {
      const nonce = pattern(12, length);
      const data = pattern((length * 5) % 67, 2);
      expect(seal(node, nonce, pattern(length), data)).toEqual(
        seal(noble, nonce, pattern(length), data),
      );
    }
  });

  it('for sealing and opening, each the packets of the other', () => {
    fc.assert(
      fc.property(packet, ({ key, nonce, plaintext, additionalData }) => {
        const noble = nobleAead.createKey(key);
        const node = nodeAead.createKey(key);
        const sealed = seal(noble, nonce, plaintext, additionalData);
        expect(seal(node, nonce, plaintext, additionalData)).toEqual(sealed);
        expect(open(node, nonce, sealed, additionalData)).toEqual(plaintext);
        expect(open(noble, nonce, sealed, additionalData)).toEqual(plaintext);
      }),
      { numRuns: 200 },
    );
  });

  it('for tampered packets, which both refuse', () => {
    fc.assert(
      fc.property(packet, fc.nat(), ({ key, nonce, plaintext, additionalData }, position) => {
        const noble = nobleAead.createKey(key);
        const node = nodeAead.createKey(key);
        const sealed = seal(noble, nonce, plaintext, additionalData);
        const flipped = flipBit(sealed, position % (sealed.length * 8));
        const shortened = sealed.subarray(0, position % sealed.length);
        for (const tampered of [flipped, shortened]) {
          expect(open(node, nonce, tampered, additionalData)).toBeUndefined();
          expect(open(noble, nonce, tampered, additionalData)).toBeUndefined();
        }
      }),
      { numRuns: 200 },
    );
  });
});
