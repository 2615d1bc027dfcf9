/** Metrics as a part of a tunnel: served while it is up, and taken back with it. */
import { createServer } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { connect, MemoryTun, type Tunnel, type TunnelOptions } from '../../src/index.js';
import { configOf, LOOPBACK, MemoryLogger, newKeys } from '../src/support.js';
import { parseExposition, sampleValue } from './exposition.js';

const keys = newKeys();
const peer = newKeys();
const tunnels: Tunnel[] = [];

afterEach(async () => {
  await Promise.all(tunnels.splice(0).map((tunnel) => tunnel.close()));
});

async function up(lines: readonly string[], options: Partial<TunnelOptions>): Promise<MemoryTun> {
  const tun = new MemoryTun({ name: 'office' });
  const config = configOf(keys.privateKey, lines, [
    `PublicKey = ${peer.publicKey}`,
    'AllowedIPs = 10.9.0.2/32',
  ]);
  const logger = new MemoryLogger();
  tunnels.push(await connect(config, { name: 'office', tun, udp: LOOPBACK, logger, ...options }));
  return tun;
}

async function freeTcpPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const url = (port: number): string => `http://127.0.0.1:${port}/metrics`;

it('a tunnel serves them at the address from its file until it is down', async () => {
  const port = await freeTcpPort();
  await up([`Metrics = 127.0.0.1:${port}`], {});
  const families = parseExposition(await (await fetch(url(port))).text());
  const labels = { public_key: peer.publicKey, allowed_ips: '10.9.0.2/32', interface: 'office' };
  expect(sampleValue(families, 'wireguard_received_bytes_total', labels)).toBe(0);
  await tunnels.pop()?.close();
  await expect(fetch(url(port))).rejects.toThrow();
});

it('the option takes precedence over the file', async () => {
  const [ofFile, ofOption] = [await freeTcpPort(), await freeTcpPort()];
  const metrics = { host: '127.0.0.1', port: ofOption };
  await up([`Metrics = 127.0.0.1:${ofFile}`], { metrics });
  expect((await fetch(url(ofOption))).status).toBe(200);
  await expect(fetch(url(ofFile))).rejects.toThrow();
});

it('a tunnel does not come up when the port is taken, and leaves nothing', async () => {
  const port = await freeTcpPort();
  const metrics = { host: '127.0.0.1', port };
  await up([], { metrics });
  const second = new MemoryTun({ name: 'office' });
  await expect(up([], { metrics, tun: second })).rejects.toMatchObject({
    code: 'ERR_PORT_IN_USE',
  });
  expect(second.closed).toBe(true);
  expect((await fetch(url(port))).status).toBe(200);
});
