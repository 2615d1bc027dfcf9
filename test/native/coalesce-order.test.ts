import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Joined, loadOffload, type Offload } from './offload.js';
import {
  anyLargePacket,
  anyStream,
  countingPayload,
  mutated,
  REASON,
} from './offload-arbitraries.js';
import {
  layoutOf,
  makePacket,
  type PacketFields,
  setPartialChecksum,
  TCP,
  UDP,
  viewOf,
} from './offload-packets.js';
import { coalesce, cut, flowOf, vnetOf } from './offload-reference.js';
import { whyNoTestLibrary } from './testlibrary.js';

const SIZE = 100;
const NONE = new Uint8Array(0);

function packetOf(fields: Partial<PacketFields>, i: number): Uint8Array {
  return makePacket({
    ...{ family: 4, protocol: TCP, payload: countingPayload(SIZE) },
    ...{ id: i, sequence: i * SIZE },
    ...fields,
  });
}

const run = (fields: Partial<PacketFields>, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => packetOf(fields, i));

/** Each as its source port and how many are in it. */
const told = (written: readonly Joined[]): string[] =>
  written.map(({ packet, count }) => {
    return `${viewOf(packet).getUint16(layoutOf(packet).transport)}: ${count}`;
  });

describe.skipIf(whyNoTestLibrary)(`order of native coalescing${REASON}`, () => {
  let native: Offload;

  beforeAll(() => {
    native = loadOffload();
  });

  it('joins flows that are mixed', () => {
    const [a, b] = [run({ sourcePort: 1 }, 5), run({ sourcePort: 2, protocol: UDP }, 5)];
    const mixed = a.flatMap((packet, i) => [packet, b[i] ?? packet]);
    expect(told(native.coalesce(mixed))).toEqual(['1: 5', '2: 5']);
  });

  it('writes the oldest flow when there are more than eight', () => {
    const flows = Array.from({ length: 10 }, (_, port) => run({ sourcePort: port }, 2));
    const mixed = (some: Uint8Array[][]) =>
      [0, 1].flatMap((i) => some.map((flow) => flow[i] ?? NONE));
    const eight = told(native.coalesce(mixed(flows.slice(0, 8))));
    expect(eight).toEqual([...Array(8).keys()].map((i) => `${i}: 2`));
    // The first two have to go before their second packets come, which displace all others in turn.
    const ten = told(native.coalesce(mixed(flows)));
    expect(ten).toEqual([...Array(20).keys()].map((i) => `${i % 10}: 1`));
  });

  it('writes what waits in the order in which the flows began', () => {
    const [a = [], b = [], c = []] = [1, 2, 3].map((port) => run({ sourcePort: port }, 3));
    const packets = [...c, ...a.slice(0, 1), ...b, ...a.slice(1)];
    expect(told(native.coalesce(packets))).toEqual(['3: 3', '1: 3', '2: 3']);
  });

  it('begins anew after a flush', () => {
    const packets = run({}, 5);
    expect(told(native.coalesce([...packets.slice(0, 2), 'flush', ...packets.slice(2)]))).toEqual([
      '1000: 2',
      '1000: 3',
    ]);
  });

  it.each([
    ['TCP', { tcp: false }, ['1: 1', '1: 1', '2: 2']],
    ['UDP', { udp: false }, ['2: 1', '2: 1', '1: 2']],
    ['both', { tcp: false, udp: false }, ['1: 1', '2: 1', '1: 1', '2: 1']],
  ])('does not join what the device does not take: %s', (_, options, expected) => {
    const [a, b] = [run({ sourcePort: 1 }, 2), run({ sourcePort: 2, protocol: UDP }, 2)];
    const mixed = a.flatMap((packet, i) => [packet, b[i] ?? packet]);
    expect(told(native.coalesce(mixed, options))).toEqual(expected);
  });

  it('keeps the order when joining is switched off in the middle', () => {
    const [a, b] = [run({ sourcePort: 1 }, 9), run({ sourcePort: 2 }, 9)];
    const packets = [
      ...a.slice(0, 4),
      ...b.slice(0, 4),
      ...run({ sourcePort: 3, payload: NONE }, 1),
      ...a.slice(4),
      ...b.slice(4),
    ];
    const written = told(native.coalesce(packets, { switchOffAfter: 1 }));
    expect(written).toEqual([
      '3: 1',
      '1: 4',
      ...Array(5).fill('1: 1'),
      '2: 4',
      ...Array(5).fill('2: 1'),
    ]);
  });

  const later = (packet: Uint8Array) => {
    viewOf(packet).setUint16(6, 0x2003);
    return packet;
  };
  const icmp = (packet: Uint8Array) => {
    packet[layoutOf(packet).family === 4 ? 9 : 6] = 1;
    return packet;
  };
  const fragmented6 = { family: 6, nextHeader: 44, ipOptions: new Uint8Array(8) } as const;

  it.each([
    ['a fragment', later(packetOf({}, 9))],
    ['ICMP', icmp(packetOf({}, 9))],
    ['IPv4 options', packetOf({ ipOptions: new Uint8Array(4) }, 9)],
    ['a fragment of IPv6', packetOf(fragmented6, 9)],
    ['ICMPv6', icmp(packetOf({ family: 6 }, 9))],
    ['a packet without ports', packetOf({}, 9).slice(0, 22)],
  ])('sends %s after all that came before it between the same addresses', (_, packet) => {
    if (packet.length === 22) viewOf(packet).setUint16(2, 22);
    const { family } = layoutOf(packet);
    const source = family === 4 ? '10.0.0.3' : 'fd00::3';
    const packets = [
      ...run({ family, sourcePort: 1 }, 2),
      ...run({ family, sourcePort: 3, source }, 2),
      ...run({ family, sourcePort: 2, protocol: UDP }, 2),
      packet,
      packetOf({ family, sourcePort: 1 }, 2),
      packetOf({ family, sourcePort: 3, source }, 2),
    ];
    const written = native.coalesce(packets);
    expect(written[2]?.packet).toEqual(packet);
    written.splice(2, 1);
    expect(told(written)).toEqual(['1: 2', '2: 2', '3: 3', '1: 1']);
  });

  it('joins any stream like the reference', () => {
    let joined = 0;
    fc.assert(
      fc.property(anyStream, (packets) => {
        const written = native.coalesce(packets);
        expect(written).toEqual(coalesce(packets));
        joined += written.filter(({ count }) => count > 1).length;
      }),
      { numRuns: 300 },
    );
    expect(joined).toBeGreaterThan(100);
  });

  it('writes every packet once and in the order of its flow', () => {
    const keyOf = (packet: Uint8Array) => JSON.stringify(flowOf(packet));
    fc.assert(
      fc.property(anyStream, (packets) => {
        const parts = native.coalesce(packets).flatMap(({ vnet, packet }) => {
          return native.segment(vnet, packet) ?? [];
        });
        const payloads = (all: readonly Uint8Array[], key: string) =>
          all
            .filter((packet) => keyOf(packet) === key)
            .map((packet) => Buffer.from(packet.slice(layoutOf(packet).headers)).toString('hex'));
        for (const key of new Set(packets.map(keyOf)))
          expect(payloads(parts, key)).toEqual(payloads(packets, key));
      }),
      { numRuns: 300 },
    );
  });

  it('joins what segmentation has cut back to what it was', () => {
    fc.assert(
      fc.property(anyLargePacket, ({ packet, layout, gsoSize }) => {
        const isPlain = layout.transport === (layout.family === 4 ? 20 : 40);
        const isUrgent =
          layout.protocol === TCP && ((packet[layout.transport + 13] ?? 0) & 0x21) !== 0;
        fc.pre(isPlain && !isUrgent && packet.length > layout.headers + gsoSize);
        setPartialChecksum(packet, layout);
        const vnet = vnetOf(packet, gsoSize);
        const segments = native.segment(vnet, packet) ?? [];
        expect(segments).toEqual(cut(packet, gsoSize));
        expect(native.coalesce(segments)).toEqual([{ vnet, packet, count: segments.length }]);
      }),
      { numRuns: 60 },
    );
  });

  it('does not change nonsensical packets', () => {
    const damaged = anyLargePacket.chain(({ packet }) => mutated(packet.slice(0, 200)));
    fc.assert(
      fc.property(fc.array(damaged, { maxLength: 8 }), (packets) => {
        const told = packets.filter((p) => p.length >= 40 && [4, 6].includes((p[0] ?? 0) >> 4));
        // What the caller has made sure of: the length in the header.
        for (const packet of told)
          if ((packet[0] ?? 0) >> 4 === 4) viewOf(packet).setUint16(2, packet.length);
          else viewOf(packet).setUint16(4, packet.length - 40);
        const written = native.coalesce(told).map(({ packet }) => packet);
        expect(written).toHaveLength(told.length);
        for (const packet of told) expect(written).toContainEqual(packet);
      }),
      { numRuns: 300 },
    );
  });
});
