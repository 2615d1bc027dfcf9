/**
 * The reply to a packet that belongs to no peer (section 2): "host unreachable" of RFC 792 or "address
 * unreachable" of RFC 4443, as the kernel sends it, so that programs fail at once and not by timeout.
 */
import type { Millis } from './dataplane.js';
import { DESTINATION_OFFSET, type Family, SOURCE_OFFSET } from './packet.js';

const REPLIES_PER_SECOND = 50;
const BURST = 50;

const ICMP = 1;
const ICMPV6 = 58;
const HOP_LIMIT = 64;
const MAX_REPLY: Readonly<Record<Family, number>> = { 4: 576, 6: 1280 };

export class UnreachableReplies {
  #tokens = BURST;
  #at: Millis | undefined;

  /**
   * Returns the reply to a packet, or undefined where RFC 1122 (3.2.2) or RFC 4443 (2.4) forbid one, or
   * above the rate limit.
   */
  replyTo(now: Millis, packet: Uint8Array, family: Family): Uint8Array | undefined {
    if (!mayBeAnswered(packet, family) || !this.#takeToken(now)) return undefined;
    return family === 4 ? unreachable4(packet) : unreachable6(packet);
  }

  #takeToken(now: Millis): boolean {
    const passed = now - (this.#at ?? now);
    this.#at = now;
    this.#tokens = Math.min(BURST, this.#tokens + (passed * REPLIES_PER_SECOND) / 1000);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

function mayBeAnswered(packet: Uint8Array, family: Family): boolean {
  const source = packet[SOURCE_OFFSET[family]] as number;
  const destination = packet[DESTINATION_OFFSET[family]] as number;
  if (family === 6) {
    const isFromNowhere = packet.subarray(8, 24).every((byte) => byte === 0);
    return !isFromNowhere && source !== 0xff && destination !== 0xff && !isIcmp6Error(packet);
  }
  const headerLength = ((packet[0] as number) & 0x0f) * 4;
  const fragmentOffset = (((packet[6] as number) & 0x1f) << 8) | (packet[7] as number);
  if (headerLength < 20 || packet.length < headerLength || fragmentOffset !== 0) return false;
  if (source === 0 || source >= 224 || destination >= 224) return false;
  const isQuery = [0, 8, 13, 14, 17, 18].includes(packet[headerLength] ?? -1);
  return packet[9] !== ICMP || isQuery;
}

function isIcmp6Error(packet: Uint8Array): boolean {
  return packet[6] === ICMPV6 && (packet[40] ?? 0) < 128;
}

function unreachable4(packet: Uint8Array): Uint8Array {
  const quoted = packet.subarray(0, MAX_REPLY[4] - 28);
  const reply = new Uint8Array(28 + quoted.length);
  const view = new DataView(reply.buffer);
  reply[0] = 0x45;
  reply[1] = 0xc0; // Precedence "internetwork control" of RFC 1812, 4.3.2.5.
  view.setUint16(2, reply.length);
  reply[8] = HOP_LIMIT;
  reply[9] = ICMP;
  swapAddresses(packet, reply, 4, 4);
  view.setUint16(10, checksum(reply.subarray(0, 20)));
  reply[20] = 3;
  reply[21] = 1;
  reply.set(quoted, 28);
  view.setUint16(22, checksum(reply.subarray(20)));
  return reply;
}

function unreachable6(packet: Uint8Array): Uint8Array {
  const quoted = packet.subarray(0, MAX_REPLY[6] - 48);
  const reply = new Uint8Array(48 + quoted.length);
  const view = new DataView(reply.buffer);
  reply[0] = 0x60;
  view.setUint16(4, 8 + quoted.length);
  reply[6] = ICMPV6;
  reply[7] = HOP_LIMIT;
  swapAddresses(packet, reply, 6, 16);
  reply[40] = 1;
  reply[41] = 3;
  reply.set(quoted, 48);
  view.setUint16(42, checksum(reply.subarray(8), reply.length - 40 + ICMPV6));
  return reply;
}

/**
 * The source of the reply is the destination of the packet: the system would drop a reply that claims to
 * come from its own address.
 */
function swapAddresses(packet: Uint8Array, reply: Uint8Array, family: Family, size: number): void {
  const source = SOURCE_OFFSET[family];
  const destination = DESTINATION_OFFSET[family];
  reply.set(packet.subarray(destination, destination + size), source);
  reply.set(packet.subarray(source, source + size), destination);
}

/** Returns the checksum of RFC 1071. `start` is added: the part of a pseudo-header that `bytes` lack. */
function checksum(bytes: Uint8Array, start = 0): number {
  let sum = start;
  for (let i = 0; i < bytes.length; i += 2)
    sum += ((bytes[i] as number) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
