/** ICMP echo (RFC 792) and ICMPv6 echo (RFC 4443, section 4): the ping of the demo. */

const ICMP = 1;
const ICMPV6 = 58;
const HOP_LIMIT = 64;
const ECHO_HEADER = 8;
const PAYLOAD = 56;

interface Layout {
  readonly header: number;
  readonly source: number;
  readonly addressLength: number;
  readonly request: number;
  readonly reply: number;
}

const V4: Layout = { header: 20, source: 12, addressLength: 4, request: 8, reply: 0 };
const V6: Layout = { header: 40, source: 8, addressLength: 16, request: 128, reply: 129 };

/** Addresses of 4 or 16 bytes. */
export function echoRequest(
  source: Uint8Array,
  destination: Uint8Array,
  sequence: number,
): Uint8Array {
  const layout = source.length === 4 ? V4 : V6;
  const packet = new Uint8Array(layout.header + ECHO_HEADER + PAYLOAD);
  const view = new DataView(packet.buffer);
  if (layout === V4) {
    packet[0] = 0x45;
    view.setUint16(2, packet.length);
    packet[8] = HOP_LIMIT;
    packet[9] = ICMP;
  } else {
    packet[0] = 0x60;
    view.setUint16(4, packet.length - layout.header);
    packet[6] = ICMPV6;
    packet[7] = HOP_LIMIT;
  }
  packet.set(source, layout.source);
  packet.set(destination, layout.source + layout.addressLength);
  packet[layout.header] = layout.request;
  view.setUint16(layout.header + 6, sequence);
  for (let i = 0; i < PAYLOAD; i++) packet[layout.header + ECHO_HEADER + i] = i;
  setChecksums(packet, layout);
  return packet;
}

/** What the addressed machine answers; undefined for a packet that is no echo request. */
export function echoReply(request: Uint8Array): Uint8Array | undefined {
  const layout = layoutOf(request);
  if (!layout || request[layout.header] !== layout.request) return undefined;
  const reply = request.slice();
  const { source, addressLength } = layout;
  const destination = source + addressLength;
  reply.set(request.subarray(destination, destination + addressLength), source);
  reply.set(request.subarray(source, destination), destination);
  reply[layout.header] = layout.reply;
  setChecksums(reply, layout);
  return reply;
}

/** Whether `packet` is exactly the answer to `request`, byte for byte. */
export function isReplyTo(request: Uint8Array, packet: Uint8Array): boolean {
  const expected = echoReply(request);
  return expected !== undefined && Buffer.compare(expected, packet) === 0;
}

/** Undefined for what is not an ICMP message of a plain IP packet. */
function layoutOf(packet: Uint8Array): Layout | undefined {
  const isV4 = packet[0] === 0x45 && packet[9] === ICMP;
  const isV6 = (packet[0] ?? 0) >> 4 === 6 && packet[6] === ICMPV6;
  const layout = isV4 ? V4 : isV6 ? V6 : undefined;
  return layout && packet.length >= layout.header + ECHO_HEADER ? layout : undefined;
}

function setChecksums(packet: Uint8Array, layout: Layout): void {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const { header, source, addressLength } = layout;
  if (layout === V4) {
    view.setUint16(10, 0);
    view.setUint16(10, checksum(packet.subarray(0, header), 0));
  }
  const addresses = packet.subarray(source, source + 2 * addressLength);
  const pseudoHeader = layout === V6 ? sum(addresses, 0) + packet.length - header + ICMPV6 : 0;
  view.setUint16(header + 2, 0);
  view.setUint16(header + 2, checksum(packet.subarray(header), pseudoHeader));
}

/** RFC 1071; `start` is the sum of what comes before. */
export function checksum(bytes: Uint8Array, start: number): number {
  let total = sum(bytes, start);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
}

function sum(bytes: Uint8Array, start: number): number {
  let total = start;
  for (let i = 0; i < bytes.length; i += 2) total += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  return total;
}
