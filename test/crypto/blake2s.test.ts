import { describe, expect, it } from 'vitest';
import { blake2sOf, hash, hmacBlake2s, kdf1, kdf2, kdf3, mac } from '../../crypto/blake2s.js';
import computed from '../vectors/hmac-kdf.json' with { type: 'json' };
import rfc7693 from '../vectors/rfc7693.json' with { type: 'json' };
import { bytes, hex, pattern } from './support.js';

/** The deterministic input of RFC 7693, appendix E: a Fibonacci sequence modulo 2^32. */
function selfTestSequence(length: number, seed: number): Uint8Array {
  let a = Math.imul(0xdead4bad, seed) >>> 0;
  let b = 1;
  return Uint8Array.from({ length }, () => {
    [a, b] = [b, (a + b) >>> 0];
    return b >>> 24;
  });
}

describe('BLAKE2s', () => {
  it('hashes "abc" as RFC 7693, appendix B', () => {
    expect(hex(hash(new TextEncoder().encode('abc')))).toBe(rfc7693.abc.output);
  });

  it('passes the self-test of RFC 7693, appendix E, keyed and unkeyed', () => {
    const { outputLengths, inputLengths, grandHash } = rfc7693.selfTest;
    const results = outputLengths.flatMap((outputLength) =>
      inputLengths.flatMap((inputLength) => {
        const input = selfTestSequence(inputLength, inputLength);
        const key = selfTestSequence(outputLength, outputLength);
        return [blake2sOf(outputLength, undefined, [input]), blake2sOf(outputLength, key, [input])];
      }),
    );
    expect(hex(hash(...results))).toBe(grandHash);
  });

  it('hashes parts as if they were one', () => {
    const whole = pattern(150);
    expect(hash(whole.subarray(0, 1), whole.subarray(1, 65), whole.subarray(65))).toEqual(
      hash(whole),
    );
    expect(mac(pattern(32), whole.subarray(0, 64), whole.subarray(64))).toEqual(
      mac(pattern(32), whole),
    );
    expect(hmacBlake2s(pattern(32), whole.subarray(0, 9), whole.subarray(9))).toEqual(
      hmacBlake2s(pattern(32), whole),
    );
  });

  it.each(computed.mac)('computes MAC($key, $data)', ({ key, data, output }) => {
    expect(hex(mac(bytes(key), bytes(data)))).toBe(output);
  });
});

describe('HMAC-BLAKE2s and the KDF', () => {
  it.each(computed.hmac)('computes HMAC($key, $data)', ({ key, data, output }) => {
    expect(hex(hmacBlake2s(bytes(key), bytes(data)))).toBe(output);
  });

  it.each(computed.kdf)('derives one, two and three keys from $input', (vector) => {
    const key = bytes(vector.key);
    const input = bytes(vector.input);
    expect([hex(kdf1(key, input))]).toEqual(vector.outputs.slice(0, 1));
    expect(kdf2(key, input).map(hex)).toEqual(vector.outputs.slice(0, 2));
    expect(kdf3(key, input).map(hex)).toEqual(vector.outputs);
    expect(hex(key)).toBe(vector.key);
    expect(hex(input)).toBe(vector.input);
  });
});
