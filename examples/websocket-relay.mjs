// @ts-check
/**
 * WireGuard where UDP is blocked: the datagrams of each tunnel travel in WebSocket messages, through a
 * relay that both ends can reach. The relay sees only ciphertext, and cannot read or change it.
 *
 *   npm install ws
 *   node examples/websocket-relay.mjs
 *
 * Needs no privilege. A real relay serves wss:// (TLS), and checks which client may use which number.
 */
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import {
  connect,
  encodeKey,
  generatePrivateKey,
  memoryTunPair,
  packetStream,
  publicKeyOf,
} from 'wg-ts';
import { WebSocket, WebSocketServer } from 'ws';
import { answerPings, ping } from './packets.mjs';

/** Each member of the relay has a one-byte number, which WireGuard sees as an IP address. */
const PORT = 51820;
const addressOf = (/** @type {number} */ member) => `192.0.2.${member}`;
/** Beyond this, datagrams are dropped, as by a full UDP socket: WireGuard and the TCP inside cope with loss. */
const MAX_WAITING_BYTES = 256 * 1024;

/** Forwards messages: one byte with the number of the other member, then one datagram. */
function startRelay() {
  const relay = new WebSocketServer({ host: '127.0.0.1', port: 0, maxPayload: 65_536 });
  /** @type {Map<number, WebSocket>} */
  const members = new Map();
  let relayed = 0;
  relay.on('connection', (socket, request) => {
    const member = Number(request.url?.slice(1));
    members.set(member, socket);
    socket.on('error', (error) => console.log(`member ${member}: ${error.message}`));
    socket.on('close', () => {
      if (members.get(member) === socket) members.delete(member);
    });
    socket.on('message', (/** @type {Buffer} */ message) => {
      const other = members.get(message[0] ?? 0);
      if (!other || other.bufferedAmount > MAX_WAITING_BYTES) return;
      message[0] = member;
      other.send(message);
      relayed++;
    });
  });
  return { relay, relayed: () => relayed };
}

/**
 * Resolves to a transport that uses one WebSocket in place of a tunnel's UDP sockets.
 * @param {string} url @param {number} member
 * @returns {Promise<import('wg-ts').UdpTransport>}
 */
async function relayTransport(url, member) {
  const socket = new WebSocket(`${url}/${member}`, { perMessageDeflate: false });
  await once(socket, 'open');
  socket.on('error', (error) => console.log(`relay: ${error.message}`));
  return {
    port: PORT,
    start({ onDatagram }) {
      socket.on('message', (/** @type {Buffer} */ message) =>
        onDatagram(message.subarray(1), { address: addressOf(message[0] ?? 0), port: PORT }),
      );
    },
    send(datagram, to) {
      if (socket.readyState !== WebSocket.OPEN) return;
      if (socket.bufferedAmount > MAX_WAITING_BYTES) return;
      socket.send(Buffer.concat([Buffer.of(Number(to.address.split('.')[3])), datagram]));
    },
    close: () => socket.terminate(),
  };
}

/** Returns the number of UDP sockets of this process; undefined on systems other than Linux. */
function countUdpSockets() {
  if (process.platform !== 'linux') return undefined;
  const tables = ['/proc/self/net/udp', '/proc/self/net/udp6'].filter((file) => existsSync(file));
  const inodes = tables.flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/)[9]),
  );
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    const link = `/proc/self/fd/${fd}`;
    return existsSync(link) ? readlinkSync(link) : '';
  });
  return targets.filter((target) => inodes.some((inode) => target === `socket:[${inode}]`)).length;
}

const keys = { server: generatePrivateKey(), client: generatePrivateKey() };
const { relay, relayed } = startRelay();
await once(relay, 'listening');
const address = /** @type {import('node:net').AddressInfo} */ (relay.address());
const url = `ws://127.0.0.1:${address.port}`;
console.log(`the relay listens at ${url}`);

/** @type {import('wg-ts').Tunnel[]} */
const tunnels = [];
/** @param {string} text @param {number} member */
async function start(text, member) {
  const [tun, ours] = memoryTunPair();
  tunnels.push(await connect(text, { tun, transport: () => relayTransport(url, member) }));
  return packetStream(ours);
}
async function close() {
  await Promise.all(tunnels.map((tunnel) => tunnel.close()));
  relay.close();
}
process.once('SIGINT', () => void close());

try {
  const server = await start(
    `[Interface]
    PrivateKey = ${encodeKey(keys.server.expose())}
    Address = 10.79.0.1/24
    [Peer]
    PublicKey = ${encodeKey(publicKeyOf(keys.client))}
    AllowedIPs = 10.79.0.2/32`,
    1,
  );
  answerPings(server);
  const client = await start(
    `[Interface]
    PrivateKey = ${encodeKey(keys.client.expose())}
    Address = 10.79.0.2/24
    [Peer]
    PublicKey = ${encodeKey(publicKeyOf(keys.server))}
    AllowedIPs = 10.79.0.1/32
    Endpoint = ${addressOf(1)}:${PORT}`,
    2,
  );
  for (const sequence of [1, 2, 3]) {
    const time = await ping(client, { from: '10.79.0.2', to: '10.79.0.1', sequence });
    if (time === undefined) throw new Error('no reply came through the relay');
    console.log(`reply ${sequence} from 10.79.0.1: ${time.toFixed(2)} ms`);
  }
  console.log(`${relayed()} datagrams went through the relay`);
  console.log(`UDP sockets of this process: ${countUdpSockets() ?? 'not counted here'}`);
} finally {
  await close();
  for (const secret of Object.values(keys)) secret.zero();
}
