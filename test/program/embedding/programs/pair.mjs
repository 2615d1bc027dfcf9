// Two tunnels against each other in one thread, each with an interface of memory, for the programs here.
import { pathToFileURL } from 'node:url';

/** `module` is the path of what `import 'wg-ts'` would find. */
export function load(module) {
  return import(pathToFileURL(module).href);
}

const LOOPBACK = { ipv4Address: '127.0.0.1', ipv6: false };

/**
 * `wgts`: what `load` answers. `a` has 10.9.0.1 and knows where `b` is, which has 10.9.0.2. What else
 * `options` has is for the `connect` of both.
 */
export async function connectPair(wgts, options = {}) {
  const { connect, encodeKey, generatePrivateKey, memoryTunPair, publicKeyOf } = wgts;
  const [a, b] = [1, 2].map((number) => {
    const secret = generatePrivateKey();
    const [tun, host] = memoryTunPair({ name: `t${number}-` });
    return {
      tun,
      host,
      privateKey: encodeKey(secret.expose()),
      publicKey: encodeKey(publicKeyOf(secret)),
    };
  });
  const open = ({ tun, privateKey }, ...peer) =>
    connect(`[Interface]\nPrivateKey = ${privateKey}\n[Peer]\n${peer.join('\n')}\n`, {
      udp: LOOPBACK,
      ...options,
      tun,
    });
  b.tunnel = await open(b, `PublicKey = ${a.publicKey}`, 'AllowedIPs = 10.9.0.1/32');
  a.tunnel = await open(
    a,
    `PublicKey = ${b.publicKey}`,
    'AllowedIPs = 10.9.0.2/32',
    `Endpoint = 127.0.0.1:${b.tunnel.listenPort}`,
    'PersistentKeepalive = 1',
  );
  // Without a session no more than 128 packets would wait.
  await a.tunnel.handshake();
  return { a, b, close: () => Promise.all([a.tunnel.close(), b.tunnel.close()]) };
}

/** An IPv4 packet from a to b with a number in it. */
export function packet(number, length = 100) {
  const bytes = Buffer.alloc(length);
  bytes.set([0x45, 0, length >> 8, length & 0xff, 0, 0, 0, 0, 64, 17, 0, 0]);
  bytes.set([10, 9, 0, 1, 10, 9, 0, 2], 12);
  bytes.writeUInt32BE(number, 20);
  return bytes;
}

export function numberOf(bytes) {
  return Buffer.from(bytes).readUInt32BE(20);
}

/** Sends `count` packets from a to b, a few in each turn of the loop, and answers when all are there. */
export async function talk({ a, b }, count = 1) {
  const seen = new Set();
  b.onPacket = (bytes) => seen.add(numberOf(bytes));
  if (!b.isStarted) b.host.start((packets) => packets.forEach((p) => void b.onPacket(p)), fail);
  b.isStarted = true;
  for (let first = 0; first < count; first += 16) {
    for (let i = first; i < Math.min(first + 16, count); i++) a.host.write(packet(i));
    await soon(2);
  }
  for (let tries = 0; seen.size < count; tries++) {
    if (tries > 2000) throw new Error(`${seen.size} of ${count} packets have arrived`);
    await soon(5);
  }
}

export function soon(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function fail(error) {
  throw error;
}
