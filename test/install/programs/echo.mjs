// Two tunnels between memory TUNs, with one packet there and one back: what has come is printed as
// JSON. The argument, when there is one, is the data plane.
import { once } from 'node:events';
import {
  connect,
  encodeKey,
  generatePrivateKey,
  memoryTunPair,
  publicKeyOf,
  versions,
} from 'wg-ts';

const PATIENCE = AbortSignal.timeout(20_000);
const UDP = { ipv4Address: '127.0.0.1', ipv6: false };
const dataPlane = process.argv[2];

/** An IPv4 packet of protocol 253, which RFC 3692 has for experiments. */
function packet(from, to, text) {
  const payload = Buffer.from(text);
  const bytes = Buffer.alloc(20 + payload.length);
  bytes.set([0x45, 0, 0, bytes.length, 0, 0, 0, 0, 64, 253, 0, 0, 10, 9, 0, from, 10, 9, 0, to]);
  payload.copy(bytes, 20);
  return bytes;
}

function configOf(privateKey, own, peer, endpoint) {
  return `[Interface]
PrivateKey = ${encodeKey(privateKey.expose())}
Address = 10.9.0.${own}/32
[Peer]
PublicKey = ${encodeKey(publicKeyOf(peer))}
AllowedIPs = 10.9.0.0/24
${endpoint ? `Endpoint = ${endpoint}` : ''}`;
}

const [clientKey, serverKey] = [generatePrivateKey(), generatePrivateKey()];
const [serverTun, serverHost] = memoryTunPair({ name: 'server' });
const [clientTun, clientHost] = memoryTunPair({ name: 'client' });
const options = { udp: UDP, ...(dataPlane && { dataPlane }) };

const server = await connect(configOf(serverKey, 1, clientKey), { ...options, tun: serverTun });
const client = await connect(configOf(clientKey, 2, serverKey, `127.0.0.1:${server.listenPort}`), {
  ...options,
  tun: clientTun,
});
try {
  const shaken = once(client, 'handshake', { signal: PATIENCE });
  const payloadOf = (received) => Buffer.from(received).subarray(20).toString();
  const there = arrival(serverHost);
  const back = arrival(clientHost);
  clientHost.write(packet(2, 1, 'there'));
  const arrivedThere = payloadOf(await there);
  serverHost.write(packet(1, 2, 'back'));
  const arrivedBack = payloadOf(await back);
  const [{ role }] = await shaken;
  console.log(
    JSON.stringify({
      versions: await versions(),
      planes: [client, server].map((tunnel) => tunnel.status().dataPlane),
      role,
      arrived: [arrivedThere, arrivedBack],
    }),
  );
} finally {
  await client.close();
  await server.close();
}

/** The first packet that comes out of the tunnel. */
function arrival(host) {
  return new Promise((resolve, reject) => {
    PATIENCE.addEventListener('abort', () => reject(PATIENCE.reason), { once: true });
    host.start(([first]) => resolve(Uint8Array.from(first)), reject);
  });
}
