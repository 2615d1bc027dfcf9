// @ts-check
/**
 * A tiny host behind WireGuard, without root: this program's own Tun takes the packets of the tunnel
 * and replies to every ping, whatever address it was sent to.
 *
 *   node examples/ping-host.mjs                  a second tunnel in this process pings it
 *   node examples/ping-host.mjs --listen 51820   stays up, and prints a configuration for the peer:
 *                                                save it on another machine, `wg-ts up` and `ping` there
 *
 * Needs no privilege. The printed configuration contains the peer's private key, made for this run.
 */
import { networkInterfaces } from 'node:os';
import { parseArgs } from 'node:util';
import {
  connect,
  encodeKey,
  generatePrivateKey,
  memoryTunPair,
  packetStream,
  publicKeyOf,
} from 'wg-ts';
import { echoReply, ping } from './packets.mjs';

const HOST = ['10.78.0.1', 'fd78::1'];
const PEER = ['10.78.0.2', 'fd78::2'];

/** @typedef {import('wg-ts').Tun} Tun @implements {Tun} */
class PingHost {
  name = 'ping-host';
  answered = 0;
  /** @type {((packets: readonly Uint8Array[]) => void) | undefined} */
  #send;

  /** @param {(packets: readonly Uint8Array[]) => void} onPackets */
  start(onPackets) {
    this.#send = onPackets;
  }

  /**
   * A packet came out of the tunnel. The reply is sent later, as a system would: the tunnel is still
   * busy with this packet.
   * @param {Uint8Array} packet valid only during the call
   */
  write(packet) {
    const reply = echoReply(packet);
    if (!reply) return false;
    this.answered++;
    setImmediate(() => this.#send?.([reply]));
    return true;
  }

  close() {
    this.#send = undefined;
  }
}

const { values } = parseArgs({ options: { listen: { type: 'string' } } });
const keys = { host: generatePrivateKey(), peer: generatePrivateKey() };
const tun = new PingHost();
const host = await connect(
  `[Interface]
  PrivateKey = ${encodeKey(keys.host.expose())}
  ListenPort = ${values.listen ?? 0}
  Address = ${HOST[0]}/24, ${HOST[1]}/64
  [Peer]
  PublicKey = ${encodeKey(publicKeyOf(keys.peer))}
  AllowedIPs = ${PEER[0]}/32, ${PEER[1]}/128`,
  { tun, ...(values.listen === undefined && { udp: { ipv4Address: '127.0.0.1', ipv6: false } }) },
);
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM']))
  process.once(signal, () => void host.close());

/** @param {string} address of this machine */
const configuration = (address) => `[Interface]
PrivateKey = ${encodeKey(keys.peer.expose())}
Address = ${PEER[0]}/32, ${PEER[1]}/128

[Peer]
PublicKey = ${host.publicKey}
AllowedIPs = ${HOST[0]}/32, ${HOST[1]}/128
Endpoint = ${address}:${host.listenPort}
`;

try {
  if (values.listen === undefined) {
    await pingOnce();
  } else {
    const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    const ours = all.find(({ family, internal }) => family === 'IPv4' && !internal);
    console.log(`# The host listens on UDP port ${host.listenPort}. Configuration of its peer:\n`);
    console.log(configuration(ours?.address ?? '127.0.0.1'));
    console.log(`# On that machine: ping ${HOST.join(', ping ')}. Ctrl-C stops the host.`);
    host.on('handshake', ({ endpoint }) => console.log(`# connected: ${endpoint}`));
    const error = await host.closed;
    if (error) throw error;
  }
  console.log(`# ${tun.answered} pings answered`);
} finally {
  await host.close();
  for (const secret of Object.values(keys)) secret.zero();
}

async function pingOnce() {
  const [peerTun, ours] = memoryTunPair();
  const stream = packetStream(ours);
  const peer = await connect(configuration('127.0.0.1'), { tun: peerTun });
  try {
    for (const [i, to] of HOST.entries())
      for (const sequence of [1, 2, 3]) {
        const time = await ping(stream, { from: PEER[i] ?? '', to, sequence });
        if (time === undefined) throw new Error(`no reply from ${to}`);
        console.log(`reply ${sequence} from ${to}: ${time.toFixed(2)} ms`);
      }
  } finally {
    await peer.close();
  }
}
