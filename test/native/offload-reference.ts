/** What segmentation and coalescing must do, as slow and plain as can be. */
import { type Joined, PLAIN, Vnet, type VnetHeader } from './offload.js';
import {
  bytesFrom,
  Flag,
  layoutOf,
  type PacketLayout,
  setLengths,
  setPartialChecksum,
  TCP,
  UDP,
  viewOf,
} from './offload-packets.js';

/** Cuts a packet of any length into those with at most `size` bytes of payload. */
export function cut(
  packet: Uint8Array,
  size: number,
  layout: PacketLayout = layoutOf(packet),
): Uint8Array[] {
  const headers = packet.slice(0, layout.headers);
  const payload = packet.slice(layout.headers);
  const count = Math.max(1, Math.ceil(payload.length / size));
  return Array.from({ length: count }, (_, i) => {
    const segment = bytesFrom(headers, payload.slice(i * size, (i + 1) * size));
    const view = viewOf(segment);
    if (layout.family === 4) view.setUint16(4, (view.getUint16(4) + i) & 0xffff);
    if (layout.protocol === TCP) {
      const { transport } = layout;
      view.setUint32(transport + 4, (view.getUint32(transport + 4) + i * size) >>> 0);
      let flags = view.getUint8(transport + 13);
      if (i < count - 1) flags &= ~(Flag.fin | Flag.psh);
      if (i > 0) flags &= ~Flag.cwr;
      view.setUint8(transport + 13, flags);
    }
    setLengths(segment, layout);
    return segment;
  });
}

/** Joins what is known to fit: the headers of the first, PSH of the last, all payloads. */
export function join(packets: readonly Uint8Array[]): Uint8Array {
  const [first, last] = [packets[0], packets.at(-1)];
  if (!first || !last) throw new Error('nothing to join');
  const layout = layoutOf(first);
  const joined = bytesFrom(first, ...packets.slice(1).map((p) => p.slice(layout.headers)));
  if (layout.protocol === TCP) {
    const psh = (last[layout.transport + 13] ?? 0) & Flag.psh;
    joined[layout.transport + 13] = (first[layout.transport + 13] ?? 0) | psh;
  }
  setLengths(joined, layout);
  return joined;
}

function payloadLength(packet: Uint8Array): number {
  return packet.length - layoutOf(packet).headers;
}

/** Protocol, addresses and ports as text; only addresses where the ports are not in their place. */
export function flowOf(packet: Uint8Array): { addresses: string; ports?: string } {
  const { family, protocol, transport } = layoutOf(packet);
  const hex = (from: number, to: number) => Buffer.from(packet.slice(from, to)).toString('hex');
  const addresses = `${family} ${family === 4 ? hex(12, 20) : hex(8, 40)}`;
  const isPlain =
    family === 6 || (packet[0] === 0x45 && (viewOf(packet).getUint16(6) & 0xbfff) === 0);
  const hasPorts =
    isPlain && (protocol === TCP || protocol === UDP) && packet.length >= transport + 8;
  return hasPorts
    ? { addresses, ports: `${protocol} ${hex(transport, transport + 4)}` }
    : { addresses };
}

function isJoinable(packet: Uint8Array): boolean {
  const { protocol, transport, headers } = layoutOf(packet);
  const flags = packet[transport + 13] ?? 0;
  if (flowOf(packet).ports === undefined || packet.length > 65535) return false;
  if (protocol === TCP && packet.length < transport + 20) return false;
  if (protocol === TCP && headers < transport + 20) return false;
  if (payloadLength(packet) <= 0) return false;
  if (protocol === UDP) {
    const view = viewOf(packet);
    const isWhole = view.getUint16(transport + 4) === packet.length - transport;
    return isWhole && view.getUint16(transport + 6) !== 0;
  }
  return (flags & (Flag.ack | Flag.syn | Flag.fin | Flag.rst | Flag.urg)) === Flag.ack;
}

/** Where nobody fragments, an id that stays the same is as good as one that counts up. */
function withCountingIds(packets: readonly Uint8Array[]): Uint8Array[] {
  const [first, second] = packets;
  const view = (packet: Uint8Array) => viewOf(packet);
  if (!first || !second || layoutOf(first).family === 6) return [...packets];
  const id = view(first).getUint16(4);
  const isFixed = (view(first).getUint16(6) & 0x4000) !== 0 && view(second).getUint16(4) === id;
  if (!isFixed || packets.some((packet) => view(packet).getUint16(4) !== id)) return [...packets];
  return packets.map((packet, i) => {
    const counted = packet.slice();
    const before = view(counted).getUint16(4);
    const after = (id + i) & 0xffff;
    view(counted).setUint16(4, after);
    // The header's checksum stays right or wrong, as it was (RFC 1624, 3).
    let sum = (view(counted).getUint16(10) ^ 0xffff) + (before ^ 0xffff) + after;
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    view(counted).setUint16(10, sum ^ 0xffff);
    return counted;
  });
}

/** A run may be one packet when cutting it gives back the run. */
function mayBeOne(run: readonly Uint8Array[]): boolean {
  const [first] = run;
  if (!first) return false;
  const length = run.slice(1).reduce((sum, p) => sum + payloadLength(p), first.length);
  const limit = layoutOf(first).protocol === TCP ? 127 : 64;
  if (length > 65535 || run.length > limit) return false;
  const expected = cut(join(run), payloadLength(first));
  const counted = withCountingIds(run);
  return (
    expected.length === run.length &&
    expected.every((p, i) => Buffer.compare(p, counted[i] ?? p) === 0)
  );
}

/** Nothing can follow: a packet that is full, shorter than the first, or pushed. */
function isComplete(run: readonly Uint8Array[]): boolean {
  const [first, last] = [run[0], run.at(-1)];
  if (!first || !last) return false;
  const { protocol, transport } = layoutOf(last);
  const isPushed = protocol === TCP && ((last[transport + 13] ?? 0) & Flag.psh) !== 0;
  const isFull = run.length === (protocol === TCP ? 127 : 64);
  return isPushed || isFull || payloadLength(last) < payloadLength(first);
}

function written(run: readonly Uint8Array[]): Joined {
  const [first] = run;
  if (!first) throw new Error('nothing to write');
  if (run.length === 1) return { packet: first, count: 1, vnet: PLAIN };
  const packet = join(run);
  const layout = layoutOf(packet);
  setPartialChecksum(packet, layout);
  return { packet, count: run.length, vnet: vnetOf(packet, payloadLength(first)) };
}

/** The header of a packet to be cut into such payloads. */
export function vnetOf(
  packet: Uint8Array,
  gsoSize: number,
  layout: PacketLayout = layoutOf(packet),
): VnetHeader {
  const { family, protocol, transport, headers } = layout;
  const hasCwr = ((packet[transport + 13] ?? 0) & Flag.cwr) !== 0;
  const tcp = (family === 4 ? Vnet.tcp4 : Vnet.tcp6) | (hasCwr ? Vnet.ecn : 0);
  return {
    flags: Vnet.needsChecksum,
    gsoType: protocol === TCP ? tcp : Vnet.udp,
    headersLength: headers,
    gsoSize,
    checksumStart: transport,
    checksumOffset: protocol === TCP ? 16 : 6,
  };
}

/** Joins what may be joined; of `flows` flows at a time. */
export function coalesce(packets: readonly Uint8Array[], flows = 8): Joined[] {
  const out: Joined[] = [];
  let open: Uint8Array[][] = [];
  const close = (run: Uint8Array[]): void => {
    out.push(written(run));
    open = open.filter((other) => other !== run);
  };
  for (const packet of packets) {
    const { addresses, ports } = flowOf(packet);
    const isOfFlow = ([first]: Uint8Array[]): boolean => {
      if (!first) return false;
      const other = flowOf(first);
      return other.addresses === addresses && (ports === undefined || other.ports === ports);
    };
    const run = open.find(isOfFlow);
    if (run && isJoinable(packet) && mayBeOne([...run, packet])) {
      run.push(packet);
      if (isComplete(run)) close(run);
      continue;
    }
    for (const other of open.filter(isOfFlow)) close(other);
    const alone = [packet];
    if (!isJoinable(packet) || isComplete(alone)) {
      close(alone);
      continue;
    }
    const [oldest] = open;
    if (oldest && open.length === flows) close(oldest);
    open.push(alone);
  }
  for (const run of open) out.push(written(run));
  return out;
}
