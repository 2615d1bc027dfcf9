/**
 * Builds IP packets: ICMP echo (RFC 792), ICMPv6 echo (RFC 4443, section 4), UDP, and the replies of a
 * machine.
 */

export type AddressPair = readonly [from: Uint8Array, to: Uint8Array];

const V4 = { header: 20, protocol: 9, addresses: 12, size: 4, icmp: 1, request: 8, reply: 0 };
const V6 = { header: 40, protocol: 6, addresses: 8, size: 16, icmp: 58, request: 128, reply: 129 };

const UDP = 17;
const DISCARD = 9;
const HOP_LIMIT = 64;
/** The length of both the ICMP echo header and the UDP header. */
const HEADER = 8;
const ECHO_PAYLOAD = 56;
/** The offset of the payload of a UDP datagram in an IPv4 packet. */
export const UDP_PAYLOAD_AT: number = V4.header + HEADER;

/** Addresses of 4 or 16 bytes. */
export function echoRequest(addresses: AddressPair, sequence: number): Uint8Array {
  const layout = addresses[0].length === 4 ? V4 : V6;
  const { header, icmp, request } = layout;
  const packet = ipPacket(addresses, layout, icmp, HEADER + ECHO_PAYLOAD);
  packet[header] = request;
  new DataView(packet.buffer).setUint16(header + 6, sequence);
  for (let i = 0; i < ECHO_PAYLOAD; i++) packet[header + HEADER + i] = i;
  setIcmpChecksum(packet, layout);
  return packet;
}

/** Between IPv4 addresses, with the checksum 0, which means none (RFC 768). */
export function udpPacket(addresses: AddressPair, payload: Uint8Array): Uint8Array {
  const packet = ipPacket(addresses, V4, UDP, HEADER + payload.length);
  const view = new DataView(packet.buffer, V4.header);
  view.setUint16(0, DISCARD);
  view.setUint16(2, DISCARD);
  view.setUint16(4, HEADER + payload.length);
  packet.set(payload, UDP_PAYLOAD_AT);
  return packet;
}

/** Returns a packet with a payload of `length` zero bytes. */
function ipPacket(
  [from, to]: AddressPair,
  { header, protocol, addresses, size }: typeof V4,
  carried: number,
  length: number,
): Uint8Array {
  const packet = new Uint8Array(header + length);
  const view = new DataView(packet.buffer);
  const isV4 = size === V4.size;
  packet[0] = isV4 ? 0x45 : 0x60;
  view.setUint16(isV4 ? 2 : 4, isV4 ? packet.length : length);
  packet[isV4 ? 8 : 7] = HOP_LIMIT;
  packet[protocol] = carried;
  packet.set(from, addresses);
  packet.set(to, addresses + size);
  if (isV4) view.setUint16(10, checksum(packet.subarray(0, header)));
  return packet;
}

/**
 * Returns what the addressed machine sends back: the reply to an echo request, or a UDP datagram unchanged.
 * Returns undefined for everything else.
 */
export function echoReply(packet: Uint8Array): Uint8Array | undefined {
  const layout = packet[0] === 0x45 ? V4 : (packet[0] ?? 0) >> 4 === 6 ? V6 : undefined;
  if (!layout || packet.length < layout.header + HEADER) return undefined;
  const { header, protocol, addresses, size } = layout;
  const isPing = packet[protocol] === layout.icmp && packet[header] === layout.request;
  if (!isPing && packet[protocol] !== UDP) return undefined;
  const reply = packet.slice();
  // Exchanging source and destination changes no checksum.
  exchange(reply, addresses, size);
  if (isPing) {
    reply[header] = layout.reply;
    setIcmpChecksum(reply, layout);
  } else exchange(reply, header, 2);
  return reply;
}

/** Returns whether `packet` is exactly the reply to `request`, byte for byte. */
export function isReplyTo(request: Uint8Array, packet: Uint8Array): boolean {
  const expected = echoReply(request);
  return expected !== undefined && Buffer.compare(expected, packet) === 0;
}

/** Exchanges two adjacent fields, each of `length` bytes. */
function exchange(bytes: Uint8Array, offset: number, length: number): void {
  const first = bytes.slice(offset, offset + length);
  bytes.copyWithin(offset, offset + length, offset + 2 * length);
  bytes.set(first, offset + length);
}

function setIcmpChecksum(packet: Uint8Array, { header, addresses, icmp }: typeof V4): void {
  const message = packet.subarray(header);
  const view = new DataView(message.buffer, message.byteOffset);
  // Only ICMPv6 has a pseudo-header; its addresses are at the end of the IPv6 header.
  const isV6 = icmp === V6.icmp;
  const pseudo = isV6 ? sum(packet.subarray(addresses, header)) + message.length + icmp : 0;
  view.setUint16(2, 0);
  view.setUint16(2, checksum(message, pseudo));
}

/** RFC 1071; `start` is the sum of the preceding bytes. */
function checksum(bytes: Uint8Array, start = 0): number {
  let total = start + sum(bytes);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
}

function sum(bytes: Uint8Array): number {
  let total = 0;
  for (let i = 0; i < bytes.length; i += 2) total += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  return total;
}
