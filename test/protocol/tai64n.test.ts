import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAfter, tai64n } from '../../protocol/tai64n.js';

const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');
const SECOND = 1_000_000_000n;

describe('tai64n', () => {
  it('labels known instants', () => {
    expect(hex(tai64n(0n))).toBe('400000000000000a00000000');
    expect(hex(tai64n(1_700_000_000n * SECOND))).toBe('400000006553f10a00000000');
    expect(hex(tai64n(2n ** 32n * SECOND))).toBe('400000010000000a00000000');
  });

  it('clears the low 24 bits of the nanoseconds', () => {
    expect(hex(tai64n(0xff_ffffn))).toBe('400000000000000a00000000');
    expect(hex(tai64n(0x100_0000n))).toBe('400000000000000a01000000');
    expect(hex(tai64n(999_999_999n))).toBe('400000000000000a3b000000');
  });

  it('counts backwards before 1970', () => {
    expect(hex(tai64n(-1n))).toBe('40000000000000093b000000');
  });

  it('never goes back when the clock goes on', () => {
    const time = fc.bigInt(0n, 2n ** 34n * SECOND);
    fc.assert(
      fc.property(time, fc.bigInt(0n, 40_000_000n), (start, passed) => {
        const [before, after] = [tai64n(start), tai64n(start + passed)];
        expect(isAfter(before, after)).toBe(false);
        if (passed >= 2n ** 25n) expect(isAfter(after, before)).toBe(true);
      }),
    );
  });
});

describe('isAfter', () => {
  it('orders as big-endian numbers do', () => {
    const bytes = fc.uint8Array({ minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(bytes, bytes, fc.nat(12), (a, b, common) => {
        b.set(a.subarray(0, common));
        expect(isAfter(a, b)).toBe(BigInt(`0x${hex(a)}`) > BigInt(`0x${hex(b)}`));
        expect(isAfter(b, a)).toBe(BigInt(`0x${hex(b)}`) > BigInt(`0x${hex(a)}`));
      }),
    );
  });

  it('is false for the same timestamp', () => {
    const stamp = tai64n(5n * SECOND);
    expect(isAfter(stamp, Uint8Array.from(stamp))).toBe(false);
  });
});
