/** Random packets for the tests of segmentation and coalescing. */
import fc from 'fast-check';
import { type Family, Flag, makePacket, type PacketLayout, TCP, UDP } from './offload-packets.js';
import { whyNoTestLibrary } from './testlibrary.js';

/** For the names of suites. */
export const REASON: string = whyNoTestLibrary ? ` (skipped: ${whyNoTestLibrary})` : '';

export interface LargePacket {
  readonly packet: Uint8Array;
  readonly layout: PacketLayout;
  readonly gsoSize: number;
}

export const anyFamily: fc.Arbitrary<Family> = fc.constantFrom(4, 6);

/** Bytes that show when they are in the wrong place. */
export function countingPayload(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i ^ (i >> 8) ^ 0x5c) & 0xff);
}

function ofWords(maxWords: number): fc.Arbitrary<Uint8Array> {
  return fc.nat(maxWords).map((words) => countingPayload(words * 4));
}

/** Destination options of 8 to 64 bytes, or a routing header and those. */
const extensionHeaders = (protocol: number): fc.Arbitrary<Uint8Array> =>
  fc.tuple(fc.nat(7), fc.boolean()).map(([units, isTwo]) => {
    const options = countingPayload(8 + units * 8);
    options[0] = protocol;
    options[1] = units;
    if (!isTwo) return options;
    return Uint8Array.of(60, 0, 4, 0, 0, 0, 0, 0, ...options);
  });

const tcpFlags = fc
  .subarray([Flag.fin, Flag.psh, Flag.ece, Flag.cwr, Flag.urg])
  .map((flags) => flags.reduce<number>((all, flag) => all | flag, Flag.ack));

const common = {
  ttl: fc.nat(255),
  trafficClass: fc.nat(255),
  flowLabel: fc.nat(0xfffff),
  id: fc.nat(0xffff),
  fragment: fc.constantFrom(0, 0x4000),
  sourcePort: fc.nat(0xffff),
  destinationPort: fc.nat(0xffff),
  sequence: fc.nat(0xffff_ffff),
  acknowledgment: fc.nat(0xffff_ffff),
  window: fc.nat(0xffff),
  urgentPointer: fc.nat(0xffff),
  flags: tcpFlags,
};

/** TCP or UDP in IPv4 or IPv6, with and without options, of odd and even sizes. */
export const anyLargePacket: fc.Arbitrary<LargePacket> = fc
  .record({
    family: anyFamily,
    protocol: fc.constantFrom(TCP, UDP),
    hasOptions: fc.boolean(),
    gsoSize: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 1500 })),
    count: fc.integer({ min: 1, max: 30 }),
    less: fc.nat(1500),
  })
  .chain(({ family, protocol, hasOptions, gsoSize, count, less }) => {
    const payload = countingPayload(gsoSize * count - (less % gsoSize));
    const options = family === 4 ? ofWords(10) : extensionHeaders(protocol);
    return fc
      .record({
        ...common,
        ipOptions: hasOptions ? options : fc.constant(new Uint8Array(0)),
        tcpOptions: ofWords(10),
        ...(family === 4
          ? { source: fc.ipV4(), destination: fc.ipV4() }
          : { source: fc.ipV6(), destination: fc.ipV6() }),
      })
      .map((fields) => {
        const { ipOptions, tcpOptions } = fields;
        const nextHeader = family === 6 && ipOptions.length > 0 ? firstOf(ipOptions) : protocol;
        const transport = (family === 4 ? 20 : 40) + ipOptions.length;
        const header = protocol === TCP ? 20 + tcpOptions.length : 8;
        const layout = { family, protocol, transport, headers: transport + header };
        const packet = makePacket({ ...fields, family, protocol, payload, nextHeader });
        return { packet, gsoSize, layout };
      });
  });

/** The kind of the first extension header: a routing header is always followed by 60. */
function firstOf(extensions: Uint8Array): number {
  return extensions[0] === 60 ? 43 : 60;
}

/** The packet with some bytes changed, and perhaps its end missing. */
export function mutated(packet: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat(Math.min(packet.length, 80) - 1), fc.nat(255));
  const length = fc.oneof(fc.constant(packet.length), fc.integer({ min: 1, max: packet.length }));
  return fc.tuple(fc.array(change, { maxLength: 4 }), length).map(([changes, end]) => {
    const changed = packet.slice();
    for (const [at, value] of changes) changed[at] = value;
    return changed.slice(0, end);
  });
}

/** What is unusual about one packet of a stream; most have nothing. */
type Oddity =
  | 'none'
  | 'short'
  | 'long'
  | 'pushed'
  | 'empty'
  | 'finished'
  | 'cwr'
  | 'ece'
  | 'lost'
  | 'repeated'
  | 'damaged'
  | 'fragment'
  | 'icmp'
  | 'options'
  | 'ttl'
  | 'noChecksum';

const ODDITIES: readonly Oddity[] = [
  ...(['short', 'long', 'pushed', 'empty', 'finished', 'cwr', 'ece', 'lost', 'repeated'] as const),
  ...(['damaged', 'fragment', 'icmp', 'options', 'ttl', 'noChecksum'] as const),
];

const anyOddity: fc.Arbitrary<Oddity> = fc.oneof(
  { weight: 12, arbitrary: fc.constant<Oddity>('none') },
  { weight: 1, arbitrary: fc.constantFrom(...ODDITIES) },
);

/** How the packets of one flow are. Flows of few addresses and ports, so that some share them. */
const anyFlow = fc.record({
  family: anyFamily,
  protocol: fc.constantFrom(TCP, UDP),
  host: fc.integer({ min: 1, max: 2 }),
  sourcePort: fc.integer({ min: 1, max: 3 }),
  size: fc.integer({ min: 1, max: 60 }),
  id: fc.nat(0xffff),
  idStep: fc.constantFrom(0, 1, 1, 2),
  fragment: fc.constantFrom(0, 0x4000, 0x4000),
  sequence: fc.oneof(fc.nat(0xffff_ffff), fc.constant(0xffff_fff0)),
  tcpOptions: ofWords(3),
});

/** Packets of some flows, mixed: bursts of each, as they come from a network. */
export const anyStream: fc.Arbitrary<Uint8Array[]> = fc
  .record({
    flows: fc.array(anyFlow, { minLength: 1, maxLength: 12 }),
    bursts: fc.array(
      fc.record({
        flow: fc.nat(11),
        oddities: fc.array(anyOddity, { minLength: 1, maxLength: 8 }),
      }),
      { minLength: 1, maxLength: 12 },
    ),
  })
  .map(({ flows, bursts }) => {
    const streams = flows.map((flow) => new Stream(flow));
    return bursts.flatMap(({ flow, oddities }) => {
      const stream = streams[flow % streams.length];
      return oddities.map((oddity) => stream?.next(oddity) ?? new Uint8Array(0));
    });
  });

type Flow = typeof anyFlow extends fc.Arbitrary<infer T> ? T : never;

class Stream {
  readonly #flow: Flow;
  #id: number;
  #sequence: number;

  constructor(flow: Flow) {
    this.#flow = flow;
    this.#id = flow.id;
    this.#sequence = flow.sequence;
  }

  next(oddity: Oddity): Uint8Array {
    const { family, host, size, idStep, fragment, tcpOptions } = this.#flow;
    if (oddity === 'lost') this.#advance(size, 1);
    const change = { short: -1, long: 1, empty: -size }[oddity as 'short'] ?? 0;
    const payload = countingPayload(size + change);
    const packet = makePacket({
      ...this.#flow,
      ...{ payload, id: this.#id, sequence: this.#sequence, tcpOptions },
      source: family === 4 ? `10.0.0.${host}` : `fd00::${host}`,
      ttl: oddity === 'ttl' ? 1 : 64,
      flags: flagsFor(oddity),
      fragment: oddity === 'fragment' ? 0x2000 : fragment,
      ...(oddity === 'options' && family === 4 && { ipOptions: new Uint8Array(4) }),
    });
    if (oddity === 'icmp') packet[family === 4 ? 9 : 6] = family === 4 ? 1 : 58;
    if (oddity === 'damaged') packet[packet.length - 1] = (packet[packet.length - 1] ?? 0) ^ 1;
    if (oddity === 'noChecksum') packet.fill(0, family === 4 ? 26 : 46, family === 4 ? 28 : 48);
    if (oddity !== 'repeated') this.#advance(payload.length, idStep);
    return packet;
  }

  #advance(bytes: number, packets: number): void {
    this.#sequence = (this.#sequence + bytes) >>> 0;
    this.#id = (this.#id + packets) & 0xffff;
  }
}

function flagsFor(oddity: Oddity): number {
  const more = { pushed: Flag.psh, finished: Flag.fin, cwr: Flag.cwr, ece: Flag.ece };
  return Flag.ack | (more[oddity as 'pushed'] ?? 0);
}
