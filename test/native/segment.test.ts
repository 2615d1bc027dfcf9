import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadOffload, type Offload, PLAIN, Vnet, type VnetHeader } from './offload.js';
import { anyLargePacket, countingPayload, mutated, REASON } from './offload-arbitraries.js';
import {
  bytesFrom,
  type Family,
  Flag,
  isIntact,
  layoutOf,
  makePacket,
  type PacketFields,
  setPartialChecksum,
  TCP,
  UDP,
  viewOf,
} from './offload-packets.js';
import { cut, vnetOf } from './offload-reference.js';
import { whyNoTestLibrary } from './testlibrary.js';

const KINDS = [
  [4, TCP],
  [6, TCP],
  [4, UDP],
  [6, UDP],
] as const;

describe.skipIf(whyNoTestLibrary)(`native segmentation${REASON}`, () => {
  let native: Offload;

  beforeAll(() => {
    native = loadOffload();
  });

  /** A packet of 1000 bytes of payload as the kernel hands it over, to be cut into 300. */
  function large(fields: Partial<PacketFields> & Pick<PacketFields, 'family' | 'protocol'>) {
    const packet = makePacket({ payload: countingPayload(1000), ...fields });
    setPartialChecksum(packet, layoutOf(packet));
    return { packet, vnet: vnetOf(packet, 300) };
  }

  const flagsOf = (segment: Uint8Array) => segment[layoutOf(segment).transport + 13];

  it('cuts any large packet like the reference, into correct packets', () => {
    fc.assert(
      fc.property(anyLargePacket, ({ packet, layout, gsoSize }) => {
        const expected = cut(packet, gsoSize, layout);
        const partial = packet.slice();
        setPartialChecksum(partial, layout);
        const segments = native.segment(vnetOf(packet, gsoSize, layout), partial);
        expect(segments).toEqual(expected);
        expect(segments?.every((segment) => isIntact(segment, layout))).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it.each(KINDS)(
    'cuts IPv%d packets of protocol %d whose checksum was not begun',
    (family, protocol) => {
      const { packet, vnet } = large({ family, protocol });
      viewOf(packet).setUint16(vnet.checksumStart + vnet.checksumOffset, 0x1234);
      const segments = native.segment({ ...vnet, flags: 0 }, packet);
      expect(segments).toEqual(cut(packet, 300));
    },
  );

  it.each(KINDS)('needs no valid length in an IPv%d header of protocol %d', (family, protocol) => {
    const { packet, vnet } = large({ family, protocol });
    const expected = cut(packet, 300);
    viewOf(packet).setUint16(family === 4 ? 2 : 4, 0);
    expect(native.segment(vnet, packet)).toEqual(expected);
  });

  it('leaves FIN and PSH to the last segment, CWR to the first', () => {
    const flags = Flag.ack | Flag.psh | Flag.fin | Flag.cwr | Flag.ece;
    const { packet, vnet } = large({ family: 4, protocol: TCP, flags });
    expect(vnet.gsoType).toBe(Vnet.tcp4 | Vnet.ecn);
    const middle = Flag.ack | Flag.ece;
    expect(native.segment(vnet, packet)?.map(flagsOf)).toEqual([
      middle | Flag.cwr,
      middle,
      middle,
      middle | Flag.psh | Flag.fin,
    ]);
  });

  it('counts sequence and id up, past the point where they wrap', () => {
    const { packet, vnet } = large({ family: 4, protocol: TCP, id: 0xfffe, sequence: 0xffff_ff00 });
    const segments = native.segment(vnet, packet) ?? [];
    expect(segments.map((s) => viewOf(s).getUint16(4))).toEqual([0xfffe, 0xffff, 0, 1]);
    expect(segments.map((s) => viewOf(s).getUint32(24))).toEqual([0xffff_ff00, 0x2c, 0x158, 0x284]);
  });

  it('writes a UDP checksum of 0 as 0xffff', () => {
    // The checksum over zeros in the last two bytes is what must be in them for that.
    const fields = { family: 4, protocol: UDP, id: 7 } as const;
    const blank = makePacket({ ...fields, payload: new Uint8Array(10) });
    const payload = bytesFrom(new Uint8Array(8), blank.slice(26, 28));
    const packet = makePacket({ ...fields, payload: bytesFrom(payload, payload) });
    setPartialChecksum(packet, layoutOf(packet));
    const segments = native.segment(vnetOf(packet, 10), packet) ?? [];
    expect(segments.map((s) => viewOf(s).getUint16(26))).toEqual([0xffff, 0xffff]);
    expect(segments.every((s) => isIntact(s))).toBe(true);
  });

  it('makes a single segment of what is not longer than one', () => {
    for (const payload of [countingPayload(300), countingPayload(1), new Uint8Array(0)]) {
      const { packet, vnet } = large({
        family: 6,
        protocol: TCP,
        payload,
        flags: Flag.ack | Flag.psh,
      });
      expect(native.segment(vnet, packet)).toEqual(cut(packet, 300));
    }
  });

  it('takes the sum of a pseudo-header with a routing header from the kernel', () => {
    // RFC 8200, 8.1: the destination in it is the final one, which the IP header does not have.
    const ipOptions = new Uint8Array(24);
    ipOptions.set([UDP, 2, 4, 1]);
    ipOptions.fill(7, 8);
    const payload = countingPayload(40);
    const packet = makePacket({ family: 6, protocol: UDP, payload, ipOptions, nextHeader: 43 });
    const layout = { family: 6, protocol: UDP, transport: 64, headers: 72 } as const;
    const vnet = vnetOf(packet, 20, layout);
    const final = packet.slice();
    final.fill(7, 24, 40);
    setPartialChecksum(final, layout);
    packet.set(final.subarray(70, 72), 70);
    for (const segment of native.segment(vnet, packet) ?? [new Uint8Array(80)]) {
      segment.fill(7, 24, 40);
      expect(isIntact(segment, layout)).toBe(true);
    }
  });

  describe('of a packet that is not to be cut', () => {
    it('passes on what needs nothing, whatever it is', () => {
      fc.assert(
        fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (packet) => {
          expect(native.segment(PLAIN, packet)).toEqual([packet]);
          expect(native.segment({ ...PLAIN, gsoType: Vnet.ecn }, packet)).toEqual([packet]);
        }),
      );
    });

    it.each(KINDS)('finishes the checksum: IPv%d, protocol %d', (family: Family, protocol) => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 99 }), (payload) => {
          const whole = makePacket({ family, protocol, payload });
          const packet = whole.slice();
          setPartialChecksum(packet, layoutOf(packet));
          const vnet = { ...vnetOf(packet, 0), gsoType: Vnet.none };
          const [finished = packet] = native.segment(vnet, packet) ?? [];
          expect(isIntact(finished)).toBe(true);
          expect(finished.slice(0, vnet.checksumStart)).toEqual(whole.slice(0, vnet.checksumStart));
        }),
      );
    });

    it('finishes it for any protocol, and never as 0', () => {
      const packet = new Uint8Array(40);
      packet[0] = 0x45;
      packet.set([0xff, 0xff, 0, 0], 30);
      const vnet = { ...PLAIN, flags: Vnet.needsChecksum, checksumStart: 30, checksumOffset: 2 };
      expect(native.segment(vnet, packet)?.[0]?.slice(30, 34)).toEqual(
        Uint8Array.of(0xff, 0xff, 0xff, 0xff),
      );
    });

    it.each([
      [39, 0],
      [40, 0],
      [0, 39],
      [20, 19],
      [65535, 65535],
    ])(
      'refuses a checksum from %d, %d on, outside of 40 bytes',
      (checksumStart, checksumOffset) => {
        const vnet = { ...PLAIN, flags: Vnet.needsChecksum, checksumStart, checksumOffset };
        expect(native.segment(vnet, new Uint8Array(40))).toBeUndefined();
      },
    );
  });

  describe('refuses', () => {
    const set =
      (...bytes: readonly (readonly [number, number])[]) =>
      (packet: Uint8Array) => {
        for (const [at, value] of bytes) packet[at] = value;
        return packet;
      };
    type Change = (packet: Uint8Array) => Uint8Array;
    const asIs: Change = (packet) => packet;
    const cases: [string, Family, number, Partial<VnetHeader>, Change][] = [
      ['a segment size of 0', 4, TCP, { gsoSize: 0 }, asIs],
      [
        'UDP fragmentation, which is not segmentation',
        4,
        UDP,
        { gsoType: Vnet.udpFragments },
        asIs,
      ],
      ['a kind that is unknown', 4, TCP, { gsoType: 6 }, asIs],
      ['a tunnel of UDP', 4, UDP, { gsoType: Vnet.udp | 0x20 }, asIs],
      ['TCP in IPv6 as in IPv4', 6, TCP, { gsoType: Vnet.tcp4 }, asIs],
      ['TCP in IPv4 as in IPv6', 4, TCP, { gsoType: Vnet.tcp6 }, asIs],
      ['UDP as TCP', 4, UDP, { gsoType: Vnet.tcp4, checksumOffset: 16 }, asIs],
      ['TCP as UDP', 6, TCP, { gsoType: Vnet.udp, checksumOffset: 6 }, asIs],
      ['a checksum not of the transport header', 4, TCP, { checksumStart: 24 }, asIs],
      ['a checksum beyond the packet', 4, TCP, { checksumStart: 65_000 }, asIs],
      ['a checksum at another place', 4, TCP, { checksumOffset: 6 }, asIs],
      ['another version of IP', 4, TCP, {}, set([0, 0x55])],
      [
        'an IPv4 header that is too short',
        4,
        TCP,
        { checksumStart: 16 },
        set([0, 0x44], [28, 0x50]),
      ],
      ['an IPv4 header beyond the packet', 4, TCP, {}, (p) => set([0, 0x4f])(p).slice(0, 50)],
      ['a first fragment', 4, UDP, {}, set([6, 0x20])],
      ['a later fragment', 4, UDP, {}, set([7, 1])],
      ['a TCP header that is too short', 4, TCP, {}, set([32, 0x40])],
      ['a TCP header beyond the packet', 4, TCP, {}, (p) => set([32, 0xf0])(p).slice(0, 60)],
      ['half a TCP header', 6, TCP, {}, (p) => p.slice(0, 59)],
      ['half a UDP header', 6, UDP, {}, (p) => p.slice(0, 47)],
      ['half an IPv6 header', 6, UDP, {}, (p) => p.slice(0, 39)],
      ['a fragment of IPv6', 6, UDP, { checksumStart: 48 }, set([6, 44], [40, UDP])],
      ['an extension header beyond the packet', 6, UDP, {}, set([6, 60], [40, 60], [41, 255])],
      ['too many extension headers', 6, UDP, {}, set([6, 60], [40, UDP], [41, 27])],
    ];

    it.each(cases)('%s', (_, family, protocol, change, damage) => {
      const fields = { family, protocol: protocol === TCP ? TCP : UDP } as const;
      const { packet, vnet } = large(fields);
      expect(native.segment(vnet, packet)).toHaveLength(4);
      const start = { ...vnet, ...change };
      expect(native.segment(start, damage(packet))).toBeUndefined();
      // Nor does it help to say nothing of the checksum.
      if (!Object.keys(change).some((name) => name.startsWith('checksum')))
        expect(native.segment({ ...start, flags: 0 }, damage(packet))).toBeUndefined();
    });

    it('an empty packet', () => {
      expect(native.segment(PLAIN, new Uint8Array(0))).toBeUndefined();
    });

    it('more headers than there is room for, and takes as many as there is', () => {
      // 40 + 8 * n + 8 bytes: 256 with n = 26.
      for (const [n, isTaken] of [
        [26, true],
        [27, false],
      ] as const) {
        const ipOptions = new Uint8Array(8 * n);
        ipOptions.set([UDP, n - 1]);
        const packet = makePacket({
          ...{ family: 6, protocol: UDP, nextHeader: 60 },
          ...{ payload: countingPayload(50), ipOptions },
        });
        const at = 40 + ipOptions.length;
        const layout = { family: 6, protocol: UDP, transport: at, headers: at + 8 } as const;
        setPartialChecksum(packet, layout);
        const segments = native.segment(vnetOf(packet, 20, layout), packet);
        expect(segments).toEqual(isTaken ? cut(packet, 20, layout) : undefined);
      }
    });

    it('segments that are too long for a length field', () => {
      const payload = countingPayload(66_000);
      const packet = makePacket({ family: 4, protocol: TCP, payload });
      setPartialChecksum(packet, layoutOf(packet));
      expect(native.segment(vnetOf(packet, 65_535 - 40), packet)).toHaveLength(2);
      expect(native.segment(vnetOf(packet, 65_535 - 39), packet)).toBeUndefined();
      expect(native.segment(vnetOf(packet, 1), packet)).toBeUndefined();
    });
  });

  it('stays within nonsensical packets with nonsensical headers', () => {
    const u16 = fc.nat(0xffff);
    const vnet = fc.record({
      flags: fc.constantFrom(0, 1, 2, 3),
      gsoType: fc.constantFrom(0, 1, 3, 4, 5, 0x81, 0xff),
      headersLength: u16,
      gsoSize: fc.oneof(fc.nat(64), u16),
      checksumStart: fc.oneof(fc.constantFrom(20, 24, 40), fc.nat(80), u16),
      checksumOffset: fc.oneof(fc.constantFrom(6, 16), u16),
    });
    const nonsense = fc.uint8Array({ minLength: 1, maxLength: 120 });
    const damaged = anyLargePacket.chain(({ packet }) => mutated(packet.slice(0, 300)));
    fc.assert(
      // Guard bytes around the packet are looked at by the call itself.
      fc.property(vnet, fc.oneof(nonsense, damaged), (header, packet) => {
        const segments = native.segment(header, packet);
        if (segments === undefined || header.gsoType % 0x80 === 0) return;
        expect(segments.every((s) => s.length <= packet.length)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
