import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { onesComplementSum } from '../support/packets.js';
import { loadOffload, type Offload } from './offload.js';
import { REASON } from './offload-arbitraries.js';
import { type Family, layoutOf, makePacket, pseudoHeader, TCP, UDP } from './offload-packets.js';
import { whyNoTestLibrary } from './testlibrary.js';

const bytes = (maxLength: number) => fc.uint8Array({ maxLength });

describe.skipIf(whyNoTestLibrary)(`native checksum${REASON}`, () => {
  let native: Offload;

  beforeAll(() => {
    native = loadOffload();
  });

  it('is that of RFC 1071, 3', () => {
    const example = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
    expect(native.checksum(example)).toBe(0xddf2);
  });

  it('sums any bytes of every length like the reference', () => {
    for (let length = 0; length < 300; length++) {
      const all = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 0xff);
      expect(native.checksum(all), `of ${length} bytes`).toBe(onesComplementSum(all));
    }
    fc.assert(
      fc.property(bytes(3000), (all) => {
        expect(native.checksum(all)).toBe(onesComplementSum(all));
      }),
    );
  });

  it('sums from every alignment', () => {
    const all = Uint8Array.from({ length: 200 }, (_, i) => (i * 91 + 3) & 0xff);
    for (let from = 0; from < 64; from++) {
      const part = all.subarray(from, from + 131);
      expect(native.checksum(part)).toBe(onesComplementSum(part));
    }
  });

  it('gives the same in parts as in one, if all but the last are of even length', () => {
    fc.assert(
      fc.property(bytes(200), bytes(200), (a, b) => {
        const even = a.subarray(0, a.length & ~1);
        const first = BigInt(native.checksum(even));
        expect(native.checksum(b, first)).toBe(onesComplementSum(even, b));
      }),
    );
  });

  it('carries through 64 KiB of ones, on top of any sum so far', () => {
    const ones = new Uint8Array(65_536).fill(0xff);
    expect(native.checksum(ones)).toBe(0xffff);
    expect(native.checksum(ones, 0xffff_ffff_0000n)).toBe(0xffff);
    expect(native.checksum(new Uint8Array(100))).toBe(0);
  });

  it('folds every 64 bits', () => {
    expect(native.fold(0n)).toBe(0);
    expect(native.fold(0xffff_ffff_ffff_ffffn)).toBe(0xffff);
    // Its carries come one after the other.
    expect(native.fold(0xffff_ffff_ffff_0001n)).toBe(1);
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), (sum) => {
        const rest = Number(sum % 0xffffn);
        expect(native.fold(sum)).toBe(rest === 0 ? 0xffff : rest);
      }),
    );
  });

  it.each([4, 6] as const)('sums the pseudo-header of IPv%d', (family: Family) => {
    const address = family === 4 ? fc.ipV4() : fc.ipV6();
    const protocol = fc.constantFrom(TCP, UDP);
    fc.assert(
      fc.property(address, address, protocol, bytes(64), (source, destination, p, payload) => {
        const packet = makePacket({ family, protocol: p, source, destination, payload });
        const layout = layoutOf(packet);
        expect(native.pseudo(packet, p, packet.length - layout.transport)).toBe(
          onesComplementSum(pseudoHeader(packet, layout)),
        );
      }),
    );
  });
});
