import { describe, expect, it } from 'vitest';
import rfc8439 from '../vectors/rfc8439.json' with { type: 'json' };
import { aeadProviders, bytes, flipBit, hex, open, pattern, seal } from './support.js';

const NONCE = pattern(12, 100);

describe.each(aeadProviders)('ChaCha20-Poly1305 of $name', (aead) => {
  const key = aead.createKey(pattern(32, 1));

  it.each(rfc8439)('seals and opens RFC 8439, $section', (vector) => {
    const vectorKey = aead.createKey(bytes(vector.key));
    const nonce = bytes(vector.nonce);
    const data = bytes(vector.additionalData);
    const sealed = seal(vectorKey, nonce, bytes(vector.plaintext), data);
    expect(hex(sealed)).toBe(vector.ciphertext + vector.tag);
    expect(hex(open(vectorKey, nonce, sealed, data) as Uint8Array)).toBe(vector.plaintext);
  });

  it('opens what it sealed, for every length from 0 to 300', () => {
    for (let length = 0; length <= 300; length++) {
      const plaintext = pattern(length, length);
      const sealed = seal(key, NONCE, plaintext);
      if (length >= 16) expect(hex(sealed)).not.toContain(hex(plaintext.subarray(0, 16)));
      expect(open(key, NONCE, sealed)).toEqual(plaintext);
    }
  });

  it.each([0, 1, 64, 200])('refuses a flip of any bit of the tag over %i bytes', (length) => {
    const sealed = seal(key, NONCE, pattern(length));
    for (let bit = length * 8; bit < sealed.length * 8; bit++) {
      expect(open(key, NONCE, flipBit(sealed, bit))).toBeUndefined();
    }
    expect(open(key, NONCE, sealed)).toEqual(pattern(length));
  });

  it('refuses a changed ciphertext, nonce, key or additional data', () => {
    const data = pattern(20, 3);
    const sealed = seal(key, NONCE, pattern(80), data);
    for (let bit = 0; bit < 80 * 8; bit += 13) {
      expect(open(key, NONCE, flipBit(sealed, bit), data)).toBeUndefined();
    }
    for (let bit = 0; bit < 12 * 8; bit++) {
      expect(open(key, flipBit(NONCE, bit), sealed, data)).toBeUndefined();
    }
    expect(open(aead.createKey(pattern(32, 2)), NONCE, sealed, data)).toBeUndefined();
    expect(open(key, NONCE, sealed, flipBit(data, 0))).toBeUndefined();
    expect(open(key, NONCE, sealed, data.subarray(1))).toBeUndefined();
    expect(open(key, NONCE, sealed)).toBeUndefined();
    expect(open(key, NONCE, sealed, data)).toEqual(pattern(80));
  });

  it('treats empty additional data as none', () => {
    const sealed = seal(key, NONCE, pattern(5), new Uint8Array());
    expect(sealed).toEqual(seal(key, NONCE, pattern(5)));
    expect(open(key, NONCE, sealed, new Uint8Array())).toEqual(pattern(5));
  });

  it('returns false for anything shorter than a tag', () => {
    for (let length = 0; length < 16; length++) {
      expect(key.open(NONCE, pattern(length), new Uint8Array(64))).toBe(false);
    }
  });

  it('reads and writes at any offset and touches nothing behind the result', () => {
    for (let offset = 0; offset < 4; offset++) {
      const plaintext = pattern(99, 5).subarray(offset);
      const area = new Uint8Array(200).fill(0xee);
      key.seal(NONCE, plaintext, area.subarray(offset));
      const end = offset + plaintext.length + 16;
      expect(area.subarray(offset, end)).toEqual(seal(key, NONCE, plaintext));
      expect(area.subarray(0, offset)).toEqual(new Uint8Array(offset).fill(0xee));
      expect(area.subarray(end)).toEqual(new Uint8Array(200 - end).fill(0xee));

      const opened = new Uint8Array(200).fill(0xee);
      expect(key.open(NONCE, area.subarray(offset, end), opened.subarray(offset))).toBe(true);
      expect(opened.subarray(offset, end - 16)).toEqual(plaintext);
      expect(opened.subarray(end - 16)).toEqual(new Uint8Array(216 - end).fill(0xee));
    }
  });

  it('leaves its arguments as they are', () => {
    const plaintext = pattern(33, 5);
    const nonce = Uint8Array.from(NONCE);
    const sealed = seal(key, nonce, plaintext, pattern(7));
    const before = hex(sealed);
    open(key, nonce, sealed, pattern(7));
    expect(plaintext).toEqual(pattern(33, 5));
    expect(nonce).toEqual(NONCE);
    expect(hex(sealed)).toBe(before);
  });

  it('throws RangeError for wrong lengths of key and nonce and for a short output', () => {
    for (const length of [0, 16, 31, 33]) {
      expect(() => aead.createKey(pattern(length))).toThrow(RangeError);
    }
    for (const length of [0, 8, 11, 13, 24]) {
      expect(() => seal(key, pattern(length), pattern(8))).toThrow(RangeError);
      expect(() => open(key, pattern(length), pattern(24))).toThrow(RangeError);
    }
    expect(() => key.seal(NONCE, pattern(8), new Uint8Array(23))).toThrow(RangeError);
    expect(() => key.open(NONCE, pattern(24), new Uint8Array(7))).toThrow(RangeError);
  });

  it('keeps a copy of the key, and refuses to work once it is destroyed', () => {
    const raw = pattern(32, 1);
    const own = aead.createKey(raw);
    raw.fill(0);
    const sealed = seal(own, NONCE, pattern(8));
    expect(sealed).toEqual(seal(key, NONCE, pattern(8)));
    own.destroy();
    own.destroy();
    expect(() => seal(own, NONCE, pattern(8))).toThrow('destroyed');
    expect(() => open(own, NONCE, sealed)).toThrow('destroyed');
  });
});
