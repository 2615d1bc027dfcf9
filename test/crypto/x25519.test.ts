import { describe, expect, it } from 'vitest';
import { clamp } from '../../crypto/x25519.js';
import rfc7748 from '../vectors/rfc7748.json' with { type: 'json' };
import edge from '../vectors/x25519-edge.json' with { type: 'json' };
import { bytes, flipBit, hex, pattern, x25519Providers } from './support.js';

describe.each(x25519Providers)('X25519 of $name', (x25519) => {
  const product = (scalar: string, point: string): string | undefined => {
    const output = x25519.sharedSecret(bytes(scalar), bytes(point));
    return output && hex(output);
  };

  it.each(rfc7748.products)('computes the product of RFC 7748, section 5.2: $output', (vector) => {
    expect(product(vector.scalar, vector.point)).toBe(vector.output);
  });

  it('computes the iterated test of RFC 7748, section 5.2', () => {
    const { start, after1, after1000 } = rfc7748.iterated;
    let k = start;
    let u = start;
    for (let round = 1; round <= 1000; round++) {
      [k, u] = [product(k, u) as string, k];
      if (round === 1) expect(k).toBe(after1);
    }
    expect(k).toBe(after1000);
  });

  it('agrees on the keys and the secret of RFC 7748, section 6.1', () => {
    const { alicePrivate, alicePublic, bobPrivate, bobPublic, shared } = rfc7748.agreement;
    expect(hex(x25519.publicKey(bytes(alicePrivate)))).toBe(alicePublic);
    expect(hex(x25519.publicKey(bytes(bobPrivate)))).toBe(bobPublic);
    expect(product(alicePrivate, bobPublic)).toBe(shared);
    expect(product(bobPrivate, alicePublic)).toBe(shared);
  });

  it.each(edge.products)('multiplies $point', (vector) => {
    expect(product(vector.scalar, vector.point)).toBe(vector.output);
  });

  it.each(edge.lowOrder)('refuses the low-order point %s', (point) => {
    expect(x25519.sharedSecret(pattern(32, 1), bytes(point))).toBeUndefined();
  });

  it.each(edge.lookAlikes)('accepts %s, which only resembles a low-order point', (point) => {
    expect(x25519.sharedSecret(pattern(32, 1), bytes(point))).toHaveLength(32);
  });

  it('reduces a non-canonical public key modulo the prime', () => {
    const scalar = hex(pattern(32, 1));
    for (const { canonical, nonCanonical } of edge.nonCanonical) {
      expect(product(scalar, nonCanonical)).toBe(product(scalar, canonical));
    }
  });

  it('ignores the top bit of a public key', () => {
    const point = x25519.publicKey(pattern(32, 9));
    const scalar = pattern(32, 1);
    expect(x25519.sharedSecret(scalar, flipBit(point, 255))).toEqual(
      x25519.sharedSecret(scalar, point),
    );
  });

  it('ignores the bits that clamping sets and clears', () => {
    for (const bit of [0, 1, 2, 254, 255]) {
      const scalar = pattern(32, 1);
      expect(x25519.publicKey(flipBit(scalar, bit))).toEqual(x25519.publicKey(scalar));
    }
    expect(x25519.publicKey(clamp(pattern(32, 1)))).toEqual(x25519.publicKey(pattern(32, 1)));
  });

  it('leaves its arguments as they are and returns new, plain Uint8Arrays', () => {
    const privateKey = pattern(32, 1);
    const publicKey = x25519.publicKey(pattern(32, 2));
    const before = hex(publicKey);
    const shared = x25519.sharedSecret(privateKey, publicKey) as Uint8Array;
    expect(privateKey).toEqual(pattern(32, 1));
    expect(hex(publicKey)).toBe(before);
    for (const result of [publicKey, shared]) {
      expect(result.constructor).toBe(Uint8Array);
      expect(result.buffer.byteLength).toBe(32);
    }
  });

  it.each([0, 31, 33])('throws RangeError for a key of %i bytes', (length) => {
    const good = pattern(32, 1);
    const bad = pattern(length, 1);
    expect(() => x25519.publicKey(bad)).toThrow(RangeError);
    expect(() => x25519.sharedSecret(bad, good)).toThrow(RangeError);
    expect(() => x25519.sharedSecret(good, bad)).toThrow(RangeError);
  });
});

describe('clamp', () => {
  it('clears and sets the bits of RFC 7748, section 5, in place', () => {
    const key = new Uint8Array(32).fill(255);
    expect(clamp(key)).toBe(key);
    expect(hex(key)).toBe(`f8${'ff'.repeat(30)}7f`);
    expect(hex(clamp(new Uint8Array(32)))).toBe(`${'00'.repeat(31)}40`);
  });
});
