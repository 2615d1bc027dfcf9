import { beforeAll, describe, expect, it } from 'vitest';
import { loadOffload, type Offload, PLAIN, Vnet } from './offload.js';
import { countingPayload, REASON } from './offload-arbitraries.js';
import {
  Flag,
  isIntact,
  layoutOf,
  makePacket,
  type PacketFields,
  setChecksums,
  setPartialChecksum,
  TCP,
  UDP,
  viewOf,
} from './offload-packets.js';
import { join } from './offload-reference.js';
import { whyNoTestLibrary } from './testlibrary.js';

type Fields = Partial<PacketFields>;
type Change = (packet: Uint8Array) => void;

const FIRST_ID = 0xfffe;
const SIZE = 100;

/** The packet `i` of a flow; `change` has the last word. */
function packetOf(fields: Fields, i: number, change: Fields = {}): Uint8Array {
  return makePacket({
    ...{ family: 4, protocol: TCP, payload: countingPayload(SIZE) },
    ...{ id: (FIRST_ID + i) & 0xffff, sequence: (0xffff_ffc0 + i * SIZE) >>> 0 },
    ...fields,
    ...change,
  });
}

const run = (fields: Fields, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => packetOf(fields, i));

const set =
  (at: number, value: number): Change =>
  (packet) => {
    packet[at] = value;
    setChecksums(packet);
  };

const damage =
  (at: number): Change =>
  (packet) => {
    packet[at] = (packet[at] ?? 0) ^ 0x10;
  };

const KINDS: [string, Fields][] = [
  ['TCP in IPv4', { family: 4, protocol: TCP, tcpOptions: countingPayload(12) }],
  ['TCP in IPv6', { family: 6, protocol: TCP, tcpOptions: countingPayload(12) }],
  ['UDP in IPv4', { family: 4, protocol: UDP }],
  ['UDP in IPv6', { family: 6, protocol: UDP }],
];
const V4 = KINDS.filter(([name]) => name.endsWith('4'));
const V6 = KINDS.filter(([name]) => name.endsWith('6'));
const OF_TCP = KINDS.filter(([name]) => name.startsWith('TCP'));
const OF_UDP = KINDS.filter(([name]) => name.startsWith('UDP'));

describe.skipIf(whyNoTestLibrary)(`native coalescing${REASON}`, () => {
  let native: Offload;

  beforeAll(() => {
    native = loadOffload();
  });

  const countsOf = (packets: readonly Uint8Array[]) =>
    native.coalesce(packets).map(({ count }) => count);

  it.each(KINDS)('joins %s into what the kernel expects', (name, fields) => {
    const packets = [...run(fields, 3), packetOf(fields, 3, { payload: countingPayload(7) })];
    const [joined = { packet: new Uint8Array(0), vnet: PLAIN, count: 0 }, ...more] =
      native.coalesce(packets);
    expect(more).toEqual([]);
    expect(joined.count).toBe(4);
    const isTcp = fields.protocol === TCP;
    const ip = fields.family === 4 ? 20 : 40;
    expect(joined.vnet).toEqual({
      flags: Vnet.needsChecksum,
      gsoType: { 'TCP in IPv4': Vnet.tcp4, 'TCP in IPv6': Vnet.tcp6 }[name] ?? Vnet.udp,
      headersLength: ip + (isTcp ? 32 : 8),
      gsoSize: SIZE,
      checksumStart: ip,
      checksumOffset: isTcp ? 16 : 6,
    });
    const whole = join(packets);
    setPartialChecksum(whole, layoutOf(whole));
    expect(joined.packet).toEqual(whole);
    const finished = native.segment({ ...joined.vnet, gsoType: Vnet.none }, joined.packet);
    expect(finished?.every((packet) => isIntact(packet))).toBe(true);
    expect(native.segment(joined.vnet, joined.packet)).toEqual(packets);
  });

  it.each(KINDS)('passes on a lone packet untouched: %s', (_, fields) => {
    const packet = packetOf(fields, 0);
    expect(native.coalesce([packet])).toEqual([{ packet, count: 1, vnet: PLAIN }]);
  });

  it('keeps PSH of the last one and CWR of the first', () => {
    const flags = Flag.ack | Flag.ece;
    const packets = [
      packetOf({ flags: flags | Flag.cwr }, 0),
      packetOf({ flags }, 1),
      packetOf({ flags: flags | Flag.psh }, 2),
    ];
    const [joined] = native.coalesce(packets);
    expect(joined?.count).toBe(3);
    expect(joined?.packet[33]).toBe(flags | Flag.cwr | Flag.psh);
    expect(joined?.vnet.gsoType).toBe(Vnet.tcp4 | Vnet.ecn);
  });

  /** Whether the second packet is joined with the first when `change` is made to it. */
  function joinsAfter(fields: Fields, change: Fields | Change, firstChange: Fields = {}): boolean {
    const first = packetOf(fields, 0, firstChange);
    const second = packetOf(fields, 1, typeof change === 'function' ? {} : change);
    if (typeof change === 'function') change(second);
    const written = native.coalesce([first, second]);
    if (written.length === 1) return true;
    expect(written.map(({ packet }) => packet)).toEqual([first, second]);
    expect(written.every(({ vnet }) => vnet.flags === 0 && vnet.gsoSize === 0)).toBe(true);
    return false;
  }

  const transportAt = ({ family }: Fields) => (family === 4 ? 20 : 40);

  describe.each(KINDS)('does not join %s with', (_, fields) => {
    const different: [string, Fields][] = [
      ['another source', { source: fields.family === 4 ? '10.9.9.9' : 'fd00::9' }],
      ['another destination', { destination: fields.family === 4 ? '10.9.9.9' : 'fd00::9' }],
      ['another source port', { sourcePort: 999 }],
      ['another destination port', { destinationPort: 999 }],
      ['another TTL', { ttl: 63 }],
      ['another traffic class', { trafficClass: 4 }],
      ['another ECN mark', { trafficClass: 1 }],
      ['a longer payload', { payload: countingPayload(SIZE + 1) }],
      ['no payload', { payload: new Uint8Array(0) }],
      ['another protocol', { protocol: fields.protocol === TCP ? UDP : TCP }],
    ];

    it.each(different)('%s', (_name, change) => {
      expect(joinsAfter(fields, {})).toBe(true);
      expect(joinsAfter(fields, change)).toBe(false);
    });

    it('a damaged payload', () => {
      expect(joinsAfter(fields, (packet) => damage(packet.length - 1)(packet))).toBe(false);
    });

    it('a damaged checksum', () => {
      const at = transportAt(fields) + (fields.protocol === TCP ? 16 : 6);
      expect(joinsAfter(fields, damage(at))).toBe(false);
    });

    it('what follows a damaged one, which is not joined either', () => {
      const packets = run(fields, 4);
      damage(60)(packets[0] ?? new Uint8Array(0));
      expect(countsOf(packets)).toEqual([1, 3]);
      const others = run(fields, 4);
      damage(60)(others[1] ?? new Uint8Array(0));
      const written = native.coalesce(others);
      expect(written.map(({ count }) => count)).toEqual([1, 1, 2]);
      expect(written[1]?.packet).toEqual(others[1]);
    });
  });

  it.each(KINDS)('ends a run of %s at a shorter payload', (_, fields) => {
    const short = packetOf(fields, 1, { payload: countingPayload(SIZE - 1) });
    const sequence = (0xffff_ffc0 + 2 * SIZE - 1) >>> 0;
    const packets = [packetOf(fields, 0), short, packetOf(fields, 2, { sequence })];
    expect(countsOf(packets)).toEqual([2, 1]);
  });

  describe.each(V4)('of %s', (_, fields) => {
    it('joins with an id that counts up, and with one that stays when nobody fragments', () => {
      expect(countsOf(run({ ...fields, fragment: 0 }, 4))).toEqual([4]);
      expect(countsOf(run({ ...fields, id: 5 }, 4))).toEqual([4]);
      expect(joinsAfter({ ...fields, fragment: 0 }, { id: FIRST_ID })).toBe(false);
    });

    it('does not join with an id that jumps, or that stays after counting up', () => {
      expect(joinsAfter(fields, { id: FIRST_ID + 2 })).toBe(false);
      expect(joinsAfter(fields, { id: FIRST_ID - 1 })).toBe(false);
      const ids = (...all: number[]) => all.map((id, i) => packetOf(fields, i, { id }));
      expect(countsOf(ids(7, 8, 8))).toEqual([2, 1]);
      expect(countsOf(ids(7, 7, 8))).toEqual([2, 1]);
      expect(countsOf(ids(7, 7, 9))).toEqual([2, 1]);
    });

    it.each([
      ['other flags of fragments', set(6, 0)],
      ['a reserved flag', set(6, 0xc0)],
      ['more fragments to come', set(6, 0x20)],
      ['a later fragment', set(7, 3)],
      ['a wrong header checksum', damage(10)],
    ])('does not join with %s', (_name, change) => {
      expect(joinsAfter(fields, change)).toBe(false);
    });

    it('does not join what has options', () => {
      const withOptions = { ...fields, ipOptions: Uint8Array.of(1, 1, 1, 0) };
      expect(countsOf(run(withOptions, 3))).toEqual([1, 1, 1]);
    });
  });

  describe.each(V6)('of %s', (_, fields) => {
    it('does not join with another flow label', () => {
      expect(joinsAfter(fields, { flowLabel: 1 })).toBe(false);
    });

    it('does not join what has extension headers', () => {
      const ipOptions = Uint8Array.of(fields.protocol ?? 0, 0, 1, 4, 0, 0, 0, 0);
      expect(countsOf(run({ ...fields, ipOptions, nextHeader: 60 }, 3))).toEqual([1, 1, 1]);
    });
  });

  describe.each(OF_TCP)('of %s', (_, fields) => {
    const at = transportAt(fields);

    it.each([
      ['another sequence', set(at + 7, 1)],
      ['another acknowledgment', set(at + 11, 1)],
      ['another window', set(at + 15, 1)],
      ['an urgent pointer', set(at + 19, 1)],
      ['a reserved bit', set(at + 12, 0x81)],
      ['other options', set(at + 31, 9)],
      ['ECE', set(at + 13, Flag.ack | Flag.ece)],
      ['CWR', set(at + 13, Flag.ack | Flag.cwr)],
      ['FIN', set(at + 13, Flag.ack | Flag.fin)],
      ['SYN', set(at + 13, Flag.ack | Flag.syn)],
      ['RST', set(at + 13, Flag.ack | Flag.rst)],
      ['URG', set(at + 13, Flag.ack | Flag.urg)],
      ['no ACK', set(at + 13, 0)],
      ['a header of other length', set(at + 12, 0x70)],
      ['a header that is too short', set(at + 12, 0x40)],
      ['a header beyond the packet', set(at + 12, 0xf0)],
    ])('does not join with %s', (_name, change) => {
      expect(joinsAfter(fields, change)).toBe(false);
    });

    it.each([Flag.fin, Flag.syn, Flag.rst, Flag.urg])(
      'does not join two with the flag %d',
      (flag) => {
        expect(countsOf(run({ ...fields, flags: Flag.ack | flag }, 2))).toEqual([1, 1]);
      },
    );

    it('ends a run with PSH', () => {
      const pushed = { flags: Flag.ack | Flag.psh };
      const packets = [0, 1, 2, 3, 4].map((i) => packetOf(fields, i, i === 2 ? pushed : {}));
      expect(countsOf(packets)).toEqual([3, 2]);
      expect(countsOf(run({ ...fields, ...pushed }, 3))).toEqual([1, 1, 1]);
    });

    it('sends an acknowledgment without payload in its place', () => {
      const packets = run(fields, 4);
      packets.splice(2, 0, packetOf(fields, 2, { payload: new Uint8Array(0) }));
      const written = native.coalesce(packets);
      expect(written.map(({ count }) => count)).toEqual([2, 1, 2]);
      expect(written[1]?.packet).toEqual(packets[2]);
    });

    it('joins up to 127', () => {
      expect(countsOf(run(fields, 300))).toEqual([127, 127, 46]);
    });
  });

  describe.each(OF_UDP)('of %s', (_, fields) => {
    const at = transportAt(fields);

    it('does not give a checksum to what had none', () => {
      const packets = run(fields, 2);
      for (const packet of packets) viewOf(packet).setUint16(at + 6, 0);
      expect(countsOf(packets)).toEqual([1, 1]);
    });

    it.each([1, -1, -200])('does not join with a length that is wrong by %d', (difference) => {
      const change: Change = (packet) => {
        viewOf(packet).setUint16(at + 4, SIZE + 8 + difference);
        setChecksums(packet);
      };
      expect(joinsAfter(fields, change)).toBe(false);
    });

    it('joins up to 64', () => {
      expect(countsOf(run(fields, 150))).toEqual([64, 64, 22]);
    });
  });

  it.each(KINDS)('joins %s up to a length of 65535', (_, fields) => {
    const headers = layoutOf(packetOf(fields, 0)).headers;
    const payload = countingPayload(5000);
    const packets = Array.from({ length: 14 }, (_x, i) =>
      packetOf(fields, i, { payload, sequence: i * 5000 }),
    );
    const most = Math.floor((65_535 - headers) / 5000);
    expect(countsOf(packets)).toEqual([most, 14 - most]);
  });

  it('joins 65535 bytes exactly, and not one more', () => {
    for (const [bytes, counts] of [
      [65_535, [2]],
      [65_536, [1, 1]],
    ] as const) {
      const payload = countingPayload(33_000);
      const rest = countingPayload(bytes - 40 - 33_000);
      const packets = [packetOf({ payload, sequence: 0 }, 0)];
      packets.push(packetOf({ payload: rest, sequence: 33_000 }, 1));
      expect(countsOf(packets)).toEqual(counts);
    }
  });
});
