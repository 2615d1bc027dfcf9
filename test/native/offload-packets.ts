/** TCP and UDP packets with right lengths and checksums, made and taken apart slowly and plainly. */
import { ip, onesComplementSum } from '../support/packets.js';

export type Family = 4 | 6;

export const TCP = 6;
export const UDP = 17;

export const Flag = {
  fin: 0x01,
  syn: 0x02,
  rst: 0x04,
  psh: 0x08,
  ack: 0x10,
  urg: 0x20,
  ece: 0x40,
  cwr: 0x80,
} as const;

export interface PacketFields {
  readonly family: Family;
  readonly protocol: typeof TCP | typeof UDP;
  readonly payload: Uint8Array;
  readonly source?: string;
  readonly destination?: string;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly ttl?: number;
  readonly trafficClass?: number;
  readonly flowLabel?: number;
  /** IPv4 only; the upper bits of the fragment field are its flags. */
  readonly id?: number;
  readonly fragment?: number;
  /** Options of IPv4, a multiple of 4 bytes, or extension headers of IPv6. */
  readonly ipOptions?: Uint8Array;
  /** The kind of the first extension header. */
  readonly nextHeader?: number;
  readonly sequence?: number;
  readonly acknowledgment?: number;
  readonly flags?: number;
  readonly window?: number;
  readonly urgentPointer?: number;
  readonly tcpOptions?: Uint8Array;
}

export interface PacketLayout {
  readonly family: Family;
  readonly protocol: number;
  readonly transport: number;
  readonly headers: number;
}

const NO_BYTES = new Uint8Array(0);

export function bytesFrom(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function makePacket(fields: PacketFields): Uint8Array {
  const { family, protocol, payload, ipOptions = NO_BYTES } = fields;
  const transport = protocol === TCP ? tcpHeader(fields) : udpHeader(fields);
  const header = family === 4 ? ipv4Header(fields) : ipv6Header(fields);
  const packet = bytesFrom(header, ipOptions, transport, payload);
  const at = header.length + ipOptions.length;
  setLengths(packet, { family, protocol, transport: at, headers: at + transport.length });
  return packet;
}

function ipv4Header(fields: PacketFields): Uint8Array {
  const { source = '10.0.0.1', destination = '10.0.0.2', ipOptions = NO_BYTES } = fields;
  const header = new Uint8Array(20);
  header[0] = 0x45 + ipOptions.length / 4;
  header[1] = fields.trafficClass ?? 0;
  viewOf(header).setUint16(4, fields.id ?? 0);
  viewOf(header).setUint16(6, fields.fragment ?? 0x4000);
  header[8] = fields.ttl ?? 64;
  header[9] = fields.protocol;
  header.set(ip(source), 12);
  header.set(ip(destination), 16);
  return header;
}

function ipv6Header(fields: PacketFields): Uint8Array {
  const { source = 'fd00::1', destination = 'fd00::2' } = fields;
  const header = new Uint8Array(40);
  const first = 0x60000000 + (fields.trafficClass ?? 0) * 2 ** 20 + (fields.flowLabel ?? 0);
  viewOf(header).setUint32(0, first);
  header[6] = fields.nextHeader ?? fields.protocol;
  header[7] = fields.ttl ?? 64;
  header.set(ip(source), 8);
  header.set(ip(destination), 24);
  return header;
}

function tcpHeader(fields: PacketFields): Uint8Array {
  const { tcpOptions = NO_BYTES } = fields;
  const header = new Uint8Array(20);
  const view = viewOf(header);
  view.setUint16(0, fields.sourcePort ?? 1000);
  view.setUint16(2, fields.destinationPort ?? 2000);
  view.setUint32(4, fields.sequence ?? 1);
  view.setUint32(8, fields.acknowledgment ?? 77);
  header[12] = (20 + tcpOptions.length) * 4;
  header[13] = fields.flags ?? Flag.ack;
  view.setUint16(14, fields.window ?? 500);
  view.setUint16(18, fields.urgentPointer ?? 0);
  return bytesFrom(header, tcpOptions);
}

function udpHeader(fields: PacketFields): Uint8Array {
  const header = new Uint8Array(8);
  viewOf(header).setUint16(0, fields.sourcePort ?? 1000);
  viewOf(header).setUint16(2, fields.destinationPort ?? 2000);
  return header;
}

/** Of a packet with a complete header and, with IPv6, without extension headers. */
export function layoutOf(packet: Uint8Array): PacketLayout {
  const family = (packet[0] ?? 0) >> 4 === 4 ? 4 : 6;
  const protocol = packet[family === 4 ? 9 : 6] ?? 0;
  const transport = family === 4 ? ((packet[0] ?? 0) & 15) * 4 : 40;
  const header = protocol === TCP ? ((packet[transport + 12] ?? 0) >> 4) * 4 : 8;
  return { family, protocol, transport, headers: transport + header };
}

function checksumPlace({ protocol, transport }: PacketLayout): number {
  return transport + (protocol === TCP ? 16 : 6);
}

/** RFC 9293, 3.1, with the length and protocol of RFC 8200, 8.1, which are the same numbers. */
export function pseudoHeader(
  packet: Uint8Array,
  { family, protocol, transport }: PacketLayout,
): Uint8Array {
  const rest = new Uint8Array(8);
  viewOf(rest).setUint32(0, packet.length - transport);
  rest[7] = protocol;
  return bytesFrom(family === 4 ? packet.slice(12, 20) : packet.slice(8, 40), rest);
}

/** Writes every length and checksum anew, as the packet's real length is. */
export function setLengths(packet: Uint8Array, layout: PacketLayout = layoutOf(packet)): void {
  const view = viewOf(packet);
  const { family, protocol, transport } = layout;
  if (family === 4) view.setUint16(2, packet.length);
  else view.setUint16(4, packet.length - 40);
  if (protocol === UDP) view.setUint16(transport + 4, packet.length - transport);
  setChecksums(packet, layout);
}

export function setChecksums(packet: Uint8Array, layout: PacketLayout = layoutOf(packet)): void {
  const view = viewOf(packet);
  const { family, protocol, transport } = layout;
  if (family === 4) {
    view.setUint16(10, 0);
    view.setUint16(10, onesComplementSum(packet.slice(0, transport)) ^ 0xffff);
  }
  const place = checksumPlace(layout);
  view.setUint16(place, 0);
  const sum = onesComplementSum(pseudoHeader(packet, layout), packet.slice(transport)) ^ 0xffff;
  view.setUint16(place, sum === 0 && protocol === UDP ? 0xffff : sum);
}

/** As a receiver would check it. */
export function isIntact(packet: Uint8Array, layout: PacketLayout = layoutOf(packet)): boolean {
  const { family, transport } = layout;
  if (family === 4 && onesComplementSum(packet.slice(0, transport)) !== 0xffff) return false;
  const told = viewOf(packet).getUint16(family === 4 ? 2 : 4) + (family === 4 ? 0 : 40);
  const sum = onesComplementSum(pseudoHeader(packet, layout), packet.slice(transport));
  return told === packet.length && sum === 0xffff;
}

/** What the kernel leaves in the checksum field of a packet whose checksum is still to be completed. */
export function setPartialChecksum(packet: Uint8Array, layout: PacketLayout): void {
  const sum = onesComplementSum(pseudoHeader(packet, layout));
  viewOf(packet).setUint16(checksumPlace(layout), sum);
}
