// Writes the first inputs of the fuzz targets, corpus/TARGET/*. They pass checks that random input would
// not. To be run again when a target's format changes.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const corpus = fileURLToPath(new URL('corpus/', import.meta.url));
const TCP = 6;
const UDP = 17;

function seed(target, name, ...parts) {
  mkdirSync(join(corpus, target), { recursive: true });
  writeFileSync(join(corpus, target, name), Buffer.concat(parts.map((part) => Buffer.from(part))));
}

/** Returns a struct virtio_net_hdr in little-endian byte order. */
function vnet(flags, gsoType, gsoSize, start, offset) {
  const header = Buffer.alloc(10);
  header.set([flags, gsoType]);
  header.writeUInt16LE(gsoSize, 4);
  header.writeUInt16LE(start, 6);
  header.writeUInt16LE(offset, 8);
  return header;
}

function ipv4(protocol, options = []) {
  const header = Buffer.alloc(20 + options.length);
  header.set([0x45 + options.length / 4, 0, 0, 0, 0, 9, 0x40, 0, 64, protocol]);
  header.set([10, 0, 0, 1, 10, 0, 0, 2, ...options], 12);
  return header;
}

function ipv6(next, extensions = []) {
  const header = Buffer.alloc(40 + extensions.length);
  header.set([0x60, 0, 0, 0, 0, 0, next, 64]);
  header.set([0xfd, 1], 8);
  header.set([0xfd, 2], 24);
  header.set(extensions, 40);
  return header;
}

function tcp(flags, options = []) {
  const header = Buffer.alloc(20 + options.length);
  header.set([4, 0, 8, 0, 0, 0, 0, 9]);
  header.set([0x50 + options.length * 4, flags, 1, 0], 12);
  header.set(options, 20);
  return header;
}

const udp = Buffer.from([4, 0, 8, 0, 0, 0, 0, 0]);
const payload = Buffer.from(Array.from({ length: 50 }, (_, i) => i));
const destinationOptions = [UDP, 0, 1, 4, 0, 0, 0, 0];
const routing = [UDP, 2, 4, 1, ...Array(20).fill(7)];

seed('segment', 'tcp4', vnet(1, 1, 20, 20, 16), ipv4(TCP), tcp(0x19), payload);
seed('segment', 'tcp4-ecn', vnet(1, 0x81, 7, 24, 16), ipv4(TCP, [1, 1, 1, 0]), tcp(0xd8), payload);
seed('segment', 'tcp6', vnet(1, 4, 16, 40, 16), ipv6(TCP), tcp(0x18, Array(12).fill(1)), payload);
seed('segment', 'udp4', vnet(1, 5, 25, 20, 6), ipv4(UDP), udp, payload);
seed('segment', 'udp6', vnet(0, 5, 9, 0, 0), ipv6(UDP), udp, payload);
seed('segment', 'udp6-options', vnet(1, 5, 9, 48, 6), ipv6(60, destinationOptions), udp, payload);
seed('segment', 'udp6-routing', vnet(1, 5, 9, 64, 6), ipv6(43, routing), udp, payload);
seed('segment', 'checksum', vnet(1, 0, 0, 20, 6), ipv4(UDP), udp, payload);

// make_packets in coalesce.c defines the format: a shape and a size, then commands.
const SHAPES = { udp6: 0, udp4: 1, tcp6: 2, tcp4: 3, 'tcp4-options': 0xc3, 'udp4-whole': 0x41 };
for (const [name, shape] of Object.entries(SHAPES)) {
  seed('coalesce', name, [shape, 100, 0, 0, 0, 0]);
  // The last packet is shorter; then a second flow, and the first again.
  seed('coalesce', `${name}-mixed`, [shape, 9, 0, 4, 3, 1, shape ^ 16, 30, 0, 0, 1, shape, 9, 0]);
}
seed('coalesce', 'pushed', [3, 50, 0, 0x40, 33, 8, 0, 0]);
seed('coalesce', 'damaged', [3, 50, 0, 0x48, 70, 1, 0, 0]);
seed('coalesce', 'fragment', [0x41, 50, 0, 0x40, 6, 0x60, 0, 0]);
seed('coalesce', 'large', [2, 100, 3, 2, 255, 2, 255, 0, 0, 0, 0, ...Array(60).fill(0)]);

// tunnel.c defines the format: a direction, then for inbound input the size of the datagrams.
function message(counter, packet) {
  const header = Buffer.alloc(16);
  header.set([4, 0, 0, 0, 4, 3, 2, 1]);
  header.writeBigUInt64LE(BigInt(counter), 8);
  return Buffer.concat([header, packet, Buffer.alloc(16)]);
}

function whole(ip, ...rest) {
  const packet = Buffer.concat([ip, ...rest.map((part) => Buffer.from(part))]);
  if (packet[0] >> 4 === 4) packet.writeUInt16BE(packet.length, 2);
  else packet.writeUInt16BE(packet.length - 40, 4);
  return packet;
}

function comingIn(name, ...messages) {
  const size = Buffer.alloc(2);
  size.writeUInt16BE(messages[0].length);
  seed('tunnel', name, [1], size, ...messages);
}

function fromPeer(ip) {
  if (ip[0] >> 4 === 4) ip[15] = 2;
  return ip;
}

for (const [name, ip] of [
  ['udp4', () => fromPeer(ipv4(UDP))],
  ['udp6', () => fromPeer(ipv6(UDP))],
]) {
  const packets = [0, 1, 2].map((counter) => message(counter, whole(ip(), udp, payload)));
  comingIn(`in-${name}`, ...packets);
  comingIn(`in-${name}-again`, packets[0], packets[1], packets[0]);
}
comingIn('in-tcp4', message(5, whole(fromPeer(ipv4(TCP)), tcp(0x10), payload)));
comingIn('in-keepalive', message(7, Buffer.alloc(0)), message(6, Buffer.alloc(0)));
comingIn('in-initiation', Buffer.concat([Buffer.from([1, 0, 0, 0]), Buffer.alloc(144)]));
comingIn('in-short', Buffer.from([4, 0, 0, 0, 4, 3, 2]));
seed('tunnel', 'out-udp4', [0], vnet(0, 0, 0, 0, 0), whole(ipv4(UDP), udp, payload));
seed('tunnel', 'out-udp6', [0], vnet(1, 5, 9, 40, 6), whole(ipv6(UDP), udp, payload));
seed('tunnel', 'out-tcp4', [0], vnet(1, 1, 9, 20, 16), whole(ipv4(TCP), tcp(0x19), payload));
const strange = ipv4(TCP);
strange[19] = 77;
seed('tunnel', 'out-nobody', [0], vnet(0, 0, 0, 0, 0), whole(strange, tcp(0x10), payload));
