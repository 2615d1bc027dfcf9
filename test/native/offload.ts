/** The native segmentation and coalescing, for tests. */
import { loadTestLibrary } from './testlibrary.js';

export const Vnet = {
  needsChecksum: 1,
  none: 0,
  tcp4: 1,
  udpFragments: 3,
  tcp6: 4,
  udp: 5,
  ecn: 0x80,
} as const;

export interface VnetHeader {
  readonly flags: number;
  readonly gsoType: number;
  readonly headersLength: number;
  readonly gsoSize: number;
  readonly checksumStart: number;
  readonly checksumOffset: number;
}

export const PLAIN: VnetHeader = {
  flags: 0,
  gsoType: Vnet.none,
  headersLength: 0,
  gsoSize: 0,
  checksumStart: 0,
  checksumOffset: 0,
};

export interface Joined {
  readonly vnet: VnetHeader;
  readonly packet: Uint8Array;
  /** How many packets are in it. */
  readonly count: number;
}

export interface CoalesceOptions {
  readonly tcp?: boolean;
  readonly udp?: boolean;
  /** After so many packets written nothing is joined any more. */
  readonly switchOffAfter?: number;
}

export interface Offload {
  checksum(bytes: Uint8Array, sum?: bigint): number;
  fold(sum: bigint): number;
  pseudo(ip: Uint8Array, protocol: number, transportLength: number): number;
  /** Undefined when header and packet are refused. */
  segment(vnet: VnetHeader, packet: Uint8Array): Uint8Array[] | undefined;
  /** 'flush' in the place of a packet flushes. Those after it are flushed in any case. */
  coalesce(packets: readonly (Uint8Array | 'flush')[], options?: CoalesceOptions): Joined[];
}

const REFUSED = -1;

export function loadOffload(): Offload {
  const library = loadTestLibrary('offload', {
    files: [
      ...['checksum', 'segment', 'segment_headers', 'coalesce', 'coalesce_packet'].map(
        (name) => `native/lib/${name}.c`,
      ),
      'test/native/offload_shim.c',
    ],
  });
  const checksum = library.func('uint16_t test_checksum(void *bytes, size_t length, uint64_t sum)');
  const segment = library.func(
    'int32_t test_segment(void *vnet, void *bytes, size_t length, void *out, size_t capacity)',
  );
  const coalesce = library.func(
    'int32_t test_coalesce(bool tcp, bool udp, int32_t switch_off_after, void *bytes, void *lengths, uint32_t count, void *out, size_t capacity)',
  );
  return {
    checksum: (bytes, sum = 0n) => checksum(bytes, bytes.length, sum),
    fold: library.func('uint16_t test_fold(uint64_t sum)'),
    pseudo: library.func(
      'uint16_t test_pseudo(void *ip, uint8_t protocol, size_t transport_length)',
    ),
    segment(vnet, packet) {
      // Each segment has at most 256 bytes of headers; most have a byte of payload at least.
      const out = Buffer.alloc(Math.min(1 << 24, 512 + packet.length * 264));
      const found = segment(encodeVnet(vnet), packet, packet.length, out, out.length);
      if (found === REFUSED) return undefined;
      if (found < 0) throw new Error(`segmentation went wrong: ${found}`);
      return decode(out, found, 4).map(({ bytes }) => bytes);
    },
    coalesce(packets, { tcp = true, udp = true, switchOffAfter = 0 } = {}) {
      const all = packets.filter((packet) => packet !== 'flush');
      const lengths = Uint32Array.from(packets, (p) => (p === 'flush' ? 0 : p.length));
      const bytes = Buffer.concat(all);
      const out = Buffer.alloc(bytes.length + 20 * all.length);
      const written = coalesce(
        ...[tcp, udp, switchOffAfter, bytes, lengths, lengths.length, out, out.length],
      );
      if (written < 0) throw new Error(`coalescing went wrong: ${written}`);
      return decode(out, written, 20).map(({ head, bytes: packet }) => ({
        packet,
        count: head.readUInt32LE(4),
        vnet: decodeVnet(head.subarray(8)),
      }));
    },
  };
}

function decode(out: Buffer, count: number, headLength: number) {
  let at = 0;
  return Array.from({ length: count }, () => {
    const head = out.subarray(at, at + headLength);
    const end = at + headLength + head.readUInt32LE(0);
    const bytes = Uint8Array.from(out.subarray(at + headLength, end));
    at = end;
    return { head, bytes };
  });
}

function encodeVnet(vnet: VnetHeader): Uint8Array {
  const bytes = Buffer.alloc(10);
  bytes[0] = vnet.flags;
  bytes[1] = vnet.gsoType;
  bytes.writeUInt16LE(vnet.headersLength, 2);
  bytes.writeUInt16LE(vnet.gsoSize, 4);
  bytes.writeUInt16LE(vnet.checksumStart, 6);
  bytes.writeUInt16LE(vnet.checksumOffset, 8);
  return bytes;
}

function decodeVnet(bytes: Buffer): VnetHeader {
  return {
    flags: bytes.readUInt8(0),
    gsoType: bytes.readUInt8(1),
    headersLength: bytes.readUInt16LE(2),
    gsoSize: bytes.readUInt16LE(4),
    checksumStart: bytes.readUInt16LE(6),
    checksumOffset: bytes.readUInt16LE(8),
  };
}
