// @ts-check
/**
 * ICMP echo (RFC 792, RFC 4443) as IP packets: the pings that the other examples send through their
 * tunnels. Your own program has its own packets, and does not need this file.
 */
import { on } from 'node:events';
import { parseIp } from 'wg-ts/protocol';

/** @typedef {import('node:stream').Duplex} Duplex */

const V4 = { header: 20, addresses: 12, size: 4, protocol: 1, request: 8, reply: 0 };
const V6 = { header: 40, addresses: 8, size: 16, protocol: 58, request: 128, reply: 129 };

/**
 * Sends one ping. Resolves to the milliseconds until its reply, or to undefined if none arrives in time.
 * @param {Duplex} stream of packets, as `packetStream` makes it
 * @param {{ from: string, to: string, sequence?: number, timeout?: number }} ping timeout in ms
 * @returns {Promise<number | undefined>}
 */
export async function ping(stream, { from, to, sequence = 1, timeout = 2000 }) {
  const request = echoRequest(from, to, sequence);
  const expected = echoReply(request);
  const sentAt = performance.now();
  stream.write(request);
  try {
    const signal = AbortSignal.timeout(timeout);
    for await (const [packet] of on(stream, 'data', { signal, close: ['close'] }))
      if (expected?.equals(packet)) return performance.now() - sentAt;
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'AbortError') throw error;
  }
  return undefined;
}

/**
 * Replies to every ping, as a machine does.
 * @param {Duplex} stream
 */
export function answerPings(stream) {
  stream.on('data', (packet) => {
    const reply = echoReply(packet);
    if (reply) stream.write(reply);
  });
}

/**
 * @param {string} from
 * @param {string} to an address of the same family
 * @param {number} sequence
 */
export function echoRequest(from, to, sequence) {
  const [source, destination] = [parseIp(from), parseIp(to)];
  if (!source || !destination) throw new Error(`${from} or ${to} is not an IP address`);
  const layout = source.length === V4.size ? V4 : V6;
  const packet = Buffer.alloc(layout.header + 64);
  if (layout === V4) {
    packet[0] = 0x45;
    packet.writeUInt16BE(packet.length, 2);
    packet.set([64, V4.protocol], 8);
  } else {
    packet[0] = 0x60;
    packet.writeUInt16BE(packet.length - V6.header, 4);
    packet.set([V6.protocol, 64], 6);
  }
  packet.set(source, layout.addresses);
  packet.set(destination, layout.addresses + layout.size);
  packet[layout.header] = layout.request;
  packet.writeUInt16BE(process.pid & 0xffff, layout.header + 4);
  packet.writeUInt16BE(sequence, layout.header + 6);
  packet.fill('wg-ts', layout.header + 8);
  return setChecksums(packet, layout);
}

/**
 * Returns the reply of the addressed machine, or undefined for a packet that is not a ping.
 * @param {Uint8Array} packet
 */
export function echoReply(packet) {
  const layout = packet[0] === 0x45 ? V4 : V6;
  const protocol = layout === V4 ? packet[9] : packet[6];
  const isEcho = protocol === layout.protocol && packet[layout.header] === layout.request;
  if (!isEcho || packet.length < layout.header + 8) return undefined;
  const reply = Buffer.from(packet);
  const { addresses, size } = layout;
  reply.copyWithin(addresses, addresses + size, addresses + 2 * size);
  reply.set(packet.subarray(addresses, addresses + size), addresses + size);
  reply[layout.header] = layout.reply;
  return setChecksums(reply, layout);
}

/**
 * @param {Buffer} packet
 * @param {typeof V4} layout
 */
function setChecksums(packet, { header, addresses, size, protocol }) {
  const isV4 = header === V4.header;
  // The ICMPv6 checksum covers a pseudo-header too: both addresses, the length and the protocol.
  const both = packet.subarray(addresses, addresses + 2 * size);
  const pseudo = isV4 ? 0 : sum(both) + packet.length - header + protocol;
  packet.writeUInt16BE(0, header + 2);
  packet.writeUInt16BE(folded(sum(packet.subarray(header)) + pseudo), header + 2);
  if (isV4) {
    packet.writeUInt16BE(0, 10);
    packet.writeUInt16BE(folded(sum(packet.subarray(0, header))), 10);
  }
  return packet;
}

/** @param {Uint8Array} bytes */
function sum(bytes) {
  let total = 0;
  for (let i = 0; i < bytes.length; i += 2) total += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  return total;
}

/** @param {number} total @returns {number} */
function folded(total) {
  return total > 0xffff ? folded((total & 0xffff) + (total >>> 16)) : ~total & 0xffff;
}
