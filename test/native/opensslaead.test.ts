import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nobleAead } from '../../crypto/chacha20poly1305.js';
import { passesAead } from '../../crypto/selftest.js';
import { loadOpensslAead } from '../../native/opensslaead.js';

const provider = loadOpensslAead();

describe.skipIf(!provider)('OpenSSL through koffi (skipped: node exports no OpenSSL here)', () => {
  const openssl = provider ?? nobleAead;

  it('passes RFC 8439, section 2.8.2', () => {
    expect(openssl).not.toBe(nobleAead);
    expect(passesAead(openssl)).toBe(true);
  });

  it('seals as noble does and opens what noble sealed', () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    const fixed = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    fc.assert(
      fc.property(fixed(32), fixed(12), bytes, fc.option(bytes), (rawKey, nonce, text, aad) => {
        const data = aad ?? undefined;
        const ours = openssl.createKey(rawKey);
        const theirs = nobleAead.createKey(rawKey);
        const sealed = new Uint8Array(text.length + 16);
        const reference = new Uint8Array(text.length + 16);
        ours.seal(nonce, text, sealed, data);
        theirs.seal(nonce, text, reference, data);
        expect(sealed).toEqual(reference);
        const opened = new Uint8Array(text.length);
        expect(ours.open(nonce, reference, opened, data)).toBe(true);
        expect(opened).toEqual(text);
        ours.destroy();
      }),
      { numRuns: 100 },
    );
  });

  it('refuses each flipped bit, and works on afterwards', () => {
    const key = openssl.createKey(randomBytes(32));
    const nonce = randomBytes(12);
    const text = randomBytes(24);
    const sealed = new Uint8Array(40);
    key.seal(nonce, text, sealed);
    const opened = new Uint8Array(24);
    for (let bit = 0; bit < 40 * 8; bit++) {
      const forged = Uint8Array.from(sealed);
      forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(key.open(nonce, forged, opened)).toBe(false);
    }
    expect(key.open(nonce, sealed, opened)).toBe(true);
    expect(opened).toEqual(new Uint8Array(text));
  });

  it('refuses short input, short output and use after destroy', () => {
    const key = openssl.createKey(randomBytes(32));
    const nonce = new Uint8Array(12);
    expect(key.open(nonce, new Uint8Array(15), new Uint8Array(0))).toBe(false);
    expect(() => key.seal(nonce, new Uint8Array(16), new Uint8Array(31))).toThrow(RangeError);
    expect(() => key.open(nonce, new Uint8Array(32), new Uint8Array(15))).toThrow(RangeError);
    expect(() => key.seal(new Uint8Array(11), nonce, new Uint8Array(32))).toThrow(RangeError);
    expect(() => openssl.createKey(new Uint8Array(31))).toThrow(RangeError);
    key.destroy();
    key.destroy();
    expect(() => key.seal(nonce, new Uint8Array(0), new Uint8Array(16))).toThrow('destroyed');
  });
});
