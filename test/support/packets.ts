/** Inner IP packets made by hand, and the internet checksum to check others by. */
import { parseIp } from '../../protocol/ip.js';

const utf8 = new TextEncoder();
const UDP = 17;

export function ip(text: string): Uint8Array {
  const address = parseIp(text);
  if (!address) throw new Error(`no IP address: ${text}`);
  return address;
}

/** IPv4 or IPv6, as the addresses are; `payload` is opaque, its length any. */
export function ipPacket(
  source: string,
  destination: string,
  payload: Uint8Array | string,
  protocol: number = UDP,
): Uint8Array {
  const data = typeof payload === 'string' ? utf8.encode(payload) : payload;
  const from = ip(source);
  return from.length === 4
    ? ipv4Packet(from, ip(destination), data, protocol)
    : ipv6Packet(from, ip(destination), data, protocol);
}

function ipv4Packet(
  from: Uint8Array,
  to: Uint8Array,
  data: Uint8Array,
  protocol: number,
): Uint8Array {
  const packet = new Uint8Array(20 + data.length);
  const view = new DataView(packet.buffer);
  packet[0] = 0x45;
  view.setUint16(2, packet.length);
  packet[8] = 64;
  packet[9] = protocol;
  packet.set(from, 12);
  packet.set(to, 16);
  view.setUint16(10, onesComplementSum(packet) ^ 0xffff);
  packet.set(data, 20);
  return packet;
}

function ipv6Packet(
  from: Uint8Array,
  to: Uint8Array,
  data: Uint8Array,
  protocol: number,
): Uint8Array {
  const packet = new Uint8Array(40 + data.length);
  packet[0] = 0x60;
  new DataView(packet.buffer).setUint16(4, data.length);
  packet[6] = protocol;
  packet[7] = 64;
  packet.set(from, 8);
  packet.set(to, 24);
  packet.set(data, 40);
  return packet;
}

/** What was given to `ipPacket`, as text. */
export function payloadText(packet: Uint8Array): string {
  const header = (packet[0] as number) >> 4 === 4 ? 20 : 40;
  return new TextDecoder().decode(packet.subarray(header));
}

/** RFC 1071: 0xffff over bytes that hold their own right checksum. */
export function onesComplementSum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let i = 0; i < part.length; i += 2) {
      sum += (part[i] as number) * 256 + (part[i + 1] ?? 0);
    }
  }
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return sum;
}
