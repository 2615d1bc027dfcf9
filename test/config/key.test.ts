import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeKey, encodeKey, explainBadKey } from '../../src/config/key.js';
import { PRIVATE_KEY } from './samples.js';

describe('keys in base64', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        expect(encodeKey(bytes)).toBe(Buffer.from(bytes).toString('base64'));
        expect(decodeKey(encodeKey(bytes))).toEqual(bytes);
      }),
      { numRuns: 200 },
    );
  });

  it('are encoded from a part of a larger buffer', () => {
    const whole = Uint8Array.from({ length: 64 }, (_, i) => i);
    expect(encodeKey(whole.subarray(16, 48))).toBe(encodeKey(whole.slice(16, 48)));
  });

  it('own their memory, outside the shared pool of Node', () => {
    expect(decodeKey(PRIVATE_KEY)?.buffer.byteLength).toBe(32);
  });

  it.each([
    ['empty', ''],
    ['too short', PRIVATE_KEY.slice(1)],
    ['too long', `${PRIVATE_KEY}A`],
    ['without padding', PRIVATE_KEY.slice(0, 43)],
    ['of 33 bytes', Buffer.alloc(33).toString('base64')],
    ['of 31 bytes', Buffer.alloc(31).toString('base64')],
    ['not canonical', `${PRIVATE_KEY.slice(0, 42)}p=`],
    ['in the alphabet for addresses', `-_${PRIVATE_KEY.slice(2)}`],
    ['with white space', `${PRIVATE_KEY}\n`],
    ['in hexadecimal', '00'.repeat(32)],
  ])('are refused when %s', (_, text) => {
    expect(decodeKey(text)).toBeUndefined();
  });

  it.each([
    ['', 'has no value'],
    ['ab'.repeat(32), 'is written in hexadecimal; a key is written in base64'],
    [PRIVATE_KEY.slice(1), 'has 43 characters; a key has 44 characters of base64'],
    [`!${PRIVATE_KEY.slice(1)}`, 'is not a key: 44 characters of base64 that stand for 32 bytes'],
  ])('are explained without being shown (%#)', (text, message) => {
    expect(explainBadKey(text)).toBe(message);
  });

  it('have 32 bytes', () => {
    expect(() => encodeKey(new Uint8Array(31))).toThrow(RangeError);
  });
});
