// @ts-check
/**
 * A tunnel in the lifecycle of an HTTP server: it comes up before the server listens, its state is at
 * /status, and SIGTERM or Ctrl-C stops both in order.
 *
 *   node examples/server.mjs                    against a WireGuard peer within this process, and ends
 *   sudo node examples/server.mjs office.conf   a real tunnel: the server listens on its address in it,
 *                                               so it can be reached only through the tunnel
 *
 * The first needs no privilege, the second needs root.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import {
  connect,
  encodeKey,
  generatePrivateKey,
  memoryTunPair,
  packetStream,
  parseConfig,
  publicKeyOf,
} from 'wg-ts';
import { formatIp } from 'wg-ts/protocol';
import { answerPings, ping } from './packets.mjs';

const BRING_UP_TIMEOUT = 15_000;

/**
 * @param {import('wg-ts').Config | string} config
 * @param {{ host: string, port: number, signal: AbortSignal, tunnel?: import('wg-ts').ConnectOptions }} options
 */
async function startServer(config, { host, port, signal, ...options }) {
  // An abort while the tunnel comes up makes `connect` undo everything and reject.
  const patience = AbortSignal.any([signal, AbortSignal.timeout(BRING_UP_TIMEOUT)]);
  const tunnel = await connect(config, { ...options.tunnel, signal: patience });
  const server = createServer((request, response) => {
    if (request.url !== '/status') {
      response.writeHead(404).end();
      return;
    }
    const { state, name, listenPort } = tunnel;
    const { rxBytes, txBytes, ...stats } = tunnel.stats();
    const body = { name, state, listenPort, peers: stats.peers, connected: stats.connectedPeers };
    response
      .writeHead(state === 'connected' ? 200 : 503, { 'Content-Type': 'application/json' })
      .end(JSON.stringify({ ...body, rxBytes: Number(rxBytes), txBytes: Number(txBytes) }));
  });
  const stop = () => server.close(() => void tunnel.close());
  try {
    server.listen(port, host);
    await once(server, 'listening', { signal });
  } catch (error) {
    await tunnel.close();
    throw error;
  }
  signal.addEventListener('abort', stop, { once: true });
  // The tunnel may also end because of an error, for example if its interface is deleted.
  void tunnel.closed.then(() => server.close());
  const { port: bound } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { tunnel, url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}/status` };
}

const stopping = new AbortController();
for (const name of /** @type {const} */ (['SIGTERM', 'SIGINT']))
  process.once(name, () => {
    console.log(`${name}: stopping`);
    stopping.abort();
  });
const { signal } = stopping;

const [file] = process.argv.slice(2);
if (file === undefined) await show();
else await run(file);

/** @param {string} path */
async function run(path) {
  const { config } = parseConfig(readFileSync(path, 'utf8'), { file: path });
  const [own] = config.interface.addresses;
  if (!own) throw new Error(`${path} has no Address`);
  const { tunnel, url } = await startServer(config, {
    host: formatIp(own.address),
    port: 8080,
    signal,
  });
  console.log(`${tunnel.name} is up; through it: ${url}`);
  const error = await tunnel.closed;
  if (error) throw error;
  console.log('stopped');
}

async function show() {
  const udp = { ipv4Address: '127.0.0.1', ipv6: false };
  const [officeKey, key] = [generatePrivateKey(), generatePrivateKey()];
  const [officeTun, officeHost] = memoryTunPair();
  const office = await connect(
    `[Interface]
    PrivateKey = ${encodeKey(officeKey.expose())}
    Address = 10.82.0.1/24
    [Peer]
    PublicKey = ${encodeKey(publicKeyOf(key))}
    AllowedIPs = 10.82.0.2/32`,
    { tun: officeTun, udp },
  );
  try {
    const [tun, ours] = memoryTunPair();
    answerPings(packetStream(ours));
    const { tunnel, url } = await startServer(
      `[Interface]
      PrivateKey = ${encodeKey(key.expose())}
      Address = 10.82.0.2/24
      [Peer]
      PublicKey = ${office.publicKey}
      AllowedIPs = 10.82.0.1/32
      Endpoint = 127.0.0.1:${office.listenPort}
      PersistentKeepalive = 25`,
      { host: '127.0.0.1', port: 0, signal, tunnel: { name: 'to-office', tun, udp } },
    );
    // PersistentKeepalive starts the handshake, so the office can reach this end at any time.
    await tunnel.handshake({ signal });
    console.log(`GET ${url}: ${await (await fetch(url)).text()}`);
    const time = await ping(packetStream(officeHost), { from: '10.82.0.1', to: '10.82.0.2' });
    console.log(
      `the office pings us: ${time === undefined ? 'no reply' : `${time.toFixed(2)} ms`}`,
    );
    // The effect of `kill`, also on Windows, which has no such signal.
    process.emit('SIGTERM');
    await tunnel.closed;
    console.log(`stopped; the tunnel is ${tunnel.state}`);
  } finally {
    await office.close();
    for (const secret of [officeKey, key]) secret.zero();
  }
}
