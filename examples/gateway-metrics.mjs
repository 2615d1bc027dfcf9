// @ts-check
/**
 * A gateway monitored by Prometheus: what each of its peers has received and sent, how old their
 * handshakes are, and whether they are healthy.
 *
 *   node examples/gateway-metrics.mjs                                    a demonstration in one process
 *   sudo node examples/gateway-metrics.mjs gateway.conf 127.0.0.1:9586   a real one, until Ctrl-C
 *
 * The first needs no privilege, the second needs root. For prometheus.yml:
 *
 *   scrape_configs:
 *     - job_name: wireguard
 *       static_configs:
 *         - targets: ['127.0.0.1:9586']
 *
 * Suggested alerts: `wg_ts_tunnel_up == 0`, and `time() - wireguard_latest_handshake_seconds > 300` for
 * peers that have a keepalive.
 */
import { readFileSync } from 'node:fs';
import {
  connect,
  encodeKey,
  generatePrivateKey,
  memoryTunPair,
  packetStream,
  publicKeyOf,
  serveMetrics,
} from 'wg-ts';
import { answerPings, ping } from './packets.mjs';

const [file, address = '127.0.0.1:9586'] = process.argv.slice(2);
if (file === undefined) await show();
else await run(file, new URL(`http://${address}`));

/** @param {string} path @param {URL} url */
async function run(path, { hostname, port }) {
  const metrics = { host: hostname.replace(/[[\]]/g, ''), port: Number(port) };
  const tunnel = await connect(readFileSync(path, 'utf8'), { metrics });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM']))
    process.once(signal, () => void tunnel.close());
  console.log(`${tunnel.name} is up; http://${address} has /metrics and /healthz`);
  const error = await tunnel.closed;
  if (error) throw error;
}

async function show() {
  const udp = { ipv4Address: '127.0.0.1', ipv6: false };
  const keys = { gateway: generatePrivateKey(), branch: generatePrivateKey() };
  const [branchTun, branchHost] = memoryTunPair();
  const [gatewayTun, gatewayHost] = memoryTunPair();
  const branch = await connect(
    `[Interface]
    PrivateKey = ${encodeKey(keys.branch.expose())}
    Address = 10.80.0.2/24
    [Peer]
    PublicKey = ${encodeKey(publicKeyOf(keys.gateway))}
    AllowedIPs = 10.80.0.1/32`,
    { tun: branchTun, udp },
  );
  answerPings(packetStream(branchHost));
  const gateway = await connect(
    `[Interface]
    PrivateKey = ${encodeKey(keys.gateway.expose())}
    Address = 10.80.0.1/24
    [Peer]
    PublicKey = ${encodeKey(publicKeyOf(keys.branch))}
    AllowedIPs = 10.80.0.2/32
    Endpoint = 127.0.0.1:${branch.listenPort}
    PersistentKeepalive = 25`,
    { name: 'gateway', tun: gatewayTun, udp },
  );
  // The option `metrics` of `connect` does the same; here the system chooses the port.
  const metrics = await serveMetrics(gateway, { host: '127.0.0.1', port: 0 });
  const close = async () => {
    await metrics.close();
    await Promise.all([gateway.close(), branch.close()]);
  };
  process.once('SIGINT', () => void close());
  const url = `http://127.0.0.1:${metrics.address.port}`;
  try {
    const stream = packetStream(gatewayHost);
    if ((await ping(stream, { from: '10.80.0.1', to: '10.80.0.2' })) === undefined)
      throw new Error('the branch does not answer');
    console.log(`GET ${url}/metrics`);
    const lines = (await (await fetch(`${url}/metrics`)).text()).split('\n');
    for (const line of lines)
      if (/^(wireguard_|wg_ts_tunnel_up)/.test(line)) console.log(`  ${line}`);
    await health(url, 'the branch has answered');

    const publicKey = publicKeyOf(generatePrivateKey());
    const endpoint = `127.0.0.1:${gateway.listenPort}`;
    await gateway.addPeer({ publicKey, endpoint, persistentKeepalive: 25 });
    await health(url, 'a second branch was added, and does not answer');
    await gateway.removePeer(publicKey);
    await health(url, 'the second branch was removed');
  } finally {
    await close();
    for (const secret of Object.values(keys)) secret.zero();
  }
}

/** @param {string} url @param {string} why */
async function health(url, why) {
  const response = await fetch(`${url}/healthz`);
  console.log(
    `GET ${url}/healthz (${why})\n  ${response.status} ${(await response.text()).trim()}`,
  );
}
