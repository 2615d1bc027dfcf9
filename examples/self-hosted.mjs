// @ts-check
/**
 * A WireGuard server that adds peers over HTTP while it runs: POST /peers returns a configuration for a
 * new machine, DELETE /peers/KEY removes that machine, GET /peers lists the peers. Only public keys are
 * logged, and the server keeps no private key after the response that contains it.
 *
 *   node examples/self-hosted.mjs                                          also plays a client, then ends
 *   sudo TOKEN=... node examples/self-hosted.mjs vpn.example.com:51820     a real one, until Ctrl-C:
 *     curl -X POST -H "Authorization: Bearer $TOKEN" localhost:8080/peers > laptop.conf
 *
 * The first needs no privilege, the second needs root. A real one needs more: TLS in front of it, since
 * responses contain private keys; a token for each user; its key and its peers in a file, so that they
 * survive a restart; and for access to the Internet, net.ipv4.ip_forward and NAT.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
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

const NETWORK = '10.81.0';
const endpoint = process.argv[2];
const token =
  process.env['TOKEN'] ?? (endpoint === undefined ? randomBytes(16).toString('hex') : '');
if (token === '') throw new Error('set TOKEN: anyone who knows it can add peers');

const [tun, host] = memoryTunPair();
const serverKey = generatePrivateKey();
const tunnel = await connect(
  `[Interface]
  PrivateKey = ${encodeKey(serverKey.expose())}
  ListenPort = ${endpoint?.split(':').at(-1) ?? 0}
  Address = ${NETWORK}.1/24`,
  endpoint === undefined ? { tun, udp: { ipv4Address: '127.0.0.1', ipv6: false } } : {},
);
serverKey.zero();
/** The last byte of each peer's address, by public key. @type {Map<string, number>} */
const hosts = new Map();

/** Resolves to a configuration file for wg-quick(8). */
async function addPeer() {
  const free = Array.from({ length: 253 }, (_, i) => i + 2);
  const number = free.find((one) => ![...hosts.values()].includes(one));
  if (number === undefined) throw new Error(`${NETWORK}.0/24 is full`);
  const [privateKey, presharedKey] = [generatePrivateKey(), generatePresharedKey()];
  const publicKey = encodeKey(publicKeyOf(privateKey));
  hosts.set(publicKey, number);
  try {
    await tunnel.addPeer({ publicKey, presharedKey, allowedIps: [`${NETWORK}.${number}/32`] });
    console.log(`server: added ${publicKey}`);
    return `[Interface]
PrivateKey = ${encodeKey(privateKey.expose())}
Address = ${NETWORK}.${number}/32

[Peer]
PublicKey = ${tunnel.publicKey}
PresharedKey = ${encodeKey(presharedKey.expose())}
AllowedIPs = ${NETWORK}.0/24
Endpoint = ${endpoint ?? `127.0.0.1:${tunnel.listenPort}`}
PersistentKeepalive = 25
`;
  } catch (error) {
    hosts.delete(publicKey);
    throw error;
  } finally {
    privateKey.zero();
    presharedKey.zero();
  }
}

/** @param {string} publicKey base64 */
async function removePeer(publicKey) {
  if (!hosts.has(publicKey)) return false;
  await tunnel.removePeer(publicKey);
  hosts.delete(publicKey);
  console.log(`server: removed ${publicKey}`);
  return true;
}

const digest = (/** @type {string} */ text) => createHash('sha256').update(text).digest();

/** @param {import('node:http').IncomingMessage} request @returns {Promise<[status: number, body?: string]>} */
async function answer({ method, url = '', headers }) {
  // Digests have the same length, so the time of the comparison reveals nothing about the token.
  const given = digest(headers.authorization ?? '');
  if (!timingSafeEqual(given, digest(`Bearer ${token}`))) return [401];
  const match = /^\/peers(?:\/(.+))?$/.exec(url);
  if (!match) return [404];
  const [, key] = match;
  if (method === 'DELETE' && key) return [(await removePeer(decodeURIComponent(key))) ? 204 : 404];
  if (method === 'POST' && !key) return [201, await addPeer()];
  if (method === 'GET' && !key) return [200, JSON.stringify(Object.fromEntries(hosts))];
  return [405];
}

const server = createServer(async (request, response) => {
  const [status, body] = await answer(request).catch((error) => {
    console.log(`server: ${error.message}`);
    return /** @type {const} */ ([500]);
  });
  response.writeHead(status, { 'Cache-Control': 'no-store' }).end(body);
});
server.listen(endpoint === undefined ? 0 : 8080, '127.0.0.1');
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM']))
  process.once(signal, () => void tunnel.close());
void tunnel.closed.then(() => server.close());
await once(server, 'listening');
const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
console.log(`server: http://127.0.0.1:${port}/peers, WireGuard at UDP port ${tunnel.listenPort}`);
if (endpoint === undefined)
  await playClient(`http://127.0.0.1:${port}/peers`).finally(() => tunnel.close());

/** @param {string} url */
async function playClient(url) {
  answerPings(packetStream(host));
  const authorised = { headers: { Authorization: `Bearer ${token}` } };
  console.log(`client: without the token: ${(await fetch(url, { method: 'POST' })).status}`);
  const configuration = await (await fetch(url, { method: 'POST', ...authorised })).text();
  const [clientTun, clientHost] = memoryTunPair();
  const client = await connect(configuration, { tun: clientTun });
  try {
    const stream = packetStream(clientHost);
    const pings = { from: `${NETWORK}.2`, to: `${NETWORK}.1`, timeout: 1000 };
    const first = await ping(stream, pings);
    console.log(
      `client: ping ${NETWORK}.1: ${first === undefined ? 'no reply' : `${first.toFixed(2)} ms`}`,
    );
    const ours = `${url}/${encodeURIComponent(client.publicKey)}`;
    const { status } = await fetch(ours, { method: 'DELETE', ...authorised });
    const second = await ping(stream, { ...pings, sequence: 2 });
    console.log(`client: removed (${status}); ping ${NETWORK}.1: ${second ?? 'no reply'}`);
  } finally {
    await client.close();
  }
}
