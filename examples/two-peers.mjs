// @ts-check
/**
 * Two WireGuard peers in one process: keys, the handshake, and pings both ways over IPv4 and IPv6. The
 * handshake and the UDP datagrams are real. Instead of a network interface, each tunnel has a Tun in
 * memory, whose other end is a stream of IP packets in this program.
 *
 *   node examples/two-peers.mjs
 *
 * Needs no privilege, and no network except loopback.
 */
import {
  connect,
  encodeKey,
  generatePresharedKey,
  generatePrivateKey,
  memoryTunPair,
  packetStream,
  publicKeyOf,
} from 'wg-ts';
import { answerPings, ping } from './packets.mjs';

const LOOPBACK = { ipv4Address: '127.0.0.1', ipv6: false };

/** @param {string} text a configuration as wg-quick(8) reads it @param {string} name */
async function start(text, name) {
  const [tun, ours] = memoryTunPair();
  const tunnel = await connect(text, { name, tun, udp: LOOPBACK });
  const stream = packetStream(ours);
  answerPings(stream);
  tunnel.on('state', (state) => console.log(`${name}: ${state}`));
  tunnel.on('handshake', ({ role, endpoint }) =>
    console.log(`${name}: handshake done as ${role}, the peer is at ${endpoint}`),
  );
  return { tunnel, stream };
}

const keys = { alice: generatePrivateKey(), bob: generatePrivateKey() };
const presharedKey = generatePresharedKey();

const alice = await start(
  `[Interface]
  PrivateKey = ${encodeKey(keys.alice.expose())}
  Address = 10.77.0.1/24, fd77::1/64
  [Peer]
  PublicKey = ${encodeKey(publicKeyOf(keys.bob))}
  PresharedKey = ${encodeKey(presharedKey.expose())}
  AllowedIPs = 10.77.0.2/32, fd77::2/128`,
  'alice',
);
try {
  // Bob knows where Alice is; Alice learns Bob's endpoint from his first message.
  const bob = await start(
    `[Interface]
    PrivateKey = ${encodeKey(keys.bob.expose())}
    Address = 10.77.0.2/24, fd77::2/64
    [Peer]
    PublicKey = ${encodeKey(publicKeyOf(keys.alice))}
    PresharedKey = ${encodeKey(presharedKey.expose())}
    Endpoint = 127.0.0.1:${alice.tunnel.listenPort}
    AllowedIPs = 10.77.0.1/32, fd77::1/128`,
    'bob',
  );
  process.once('SIGINT', () => void Promise.all([bob.tunnel.close(), alice.tunnel.close()]));
  try {
    for (const { stream, from, to } of [
      { stream: bob.stream, from: '10.77.0.2', to: '10.77.0.1' },
      { stream: alice.stream, from: '10.77.0.1', to: '10.77.0.2' },
      { stream: bob.stream, from: 'fd77::2', to: 'fd77::1' },
      { stream: alice.stream, from: 'fd77::1', to: 'fd77::2' },
    ]) {
      const time = await ping(stream, { from, to });
      if (time === undefined) throw new Error(`${to} did not answer ${from}`);
      console.log(`${from} -> ${to} and back: ${time.toFixed(2)} ms`);
    }
    const { rxBytes, txBytes } = bob.tunnel.stats();
    console.log(`bob has received ${rxBytes} bytes and sent ${txBytes}`);
  } finally {
    await bob.tunnel.close();
  }
} finally {
  await alice.tunnel.close();
  for (const secret of [keys.alice, keys.bob, presharedKey]) secret.zero();
}
