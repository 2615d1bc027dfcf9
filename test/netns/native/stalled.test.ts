import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { type InterfaceBytes, interfaceBytes } from '../support/counters.js';
import { labTest, type Namespace } from '../support/lab.js';
import { makeOwnPair } from '../support/ownpair.js';
import type { Running } from '../support/process.js';
import { describeSystem, LIBRARY, TUNNEL } from '../support/requirements.js';
import { endpoint, INNER, PORT } from '../support/topology.js';
import { ping } from '../support/traffic.js';

const HOST: string = fileURLToPath(new URL('../support/host.mjs', import.meta.url));
const STALL_MS = 3000;
const PINGS = { count: 1600, intervalSeconds: 0.005, size: 1000 };
/** More than the pings and the stall take. */
const FLOW_SECONDS = 12;

/** While `process` says that it stalls: what its interface has moved, twice a second. */
async function bytesWhileStalled(host: Running, device: string): Promise<InterfaceBytes[]> {
  host.signal('SIGUSR2');
  await host.says(/stalls/);
  const samples: InterfaceBytes[] = [];
  for (const end = Date.now() + STALL_MS; Date.now() < end; await sleep(500))
    samples.push(interfaceBytes(host.pid, device));
  expect(samples.length).toBeGreaterThanOrEqual(4);
  return samples;
}

/** TCP both ways at once: slow, and without the bursts that make a queue overflow. */
async function startFlows(from: Namespace, to: Namespace, address: string): Promise<void> {
  const server = to.spawn(['iperf3', '-s', '-1', '-B', address, '--forceflush']);
  await server.says(/listening/);
  const flow = [
    '--bidir',
    '-b',
    '20M',
    '--pacing-timer',
    '1000',
    '-t',
    String(FLOW_SECONDS),
    '--forceflush',
  ];
  const client = from.spawn(['iperf3', '-c', address, ...flow]);
  await client.says(/connected to/);
}

describeSystem('a program that stalls', [...TUNNEL, 'iperf3'], () => {
  labTest('does not stall its tunnel in either direction, and nothing is lost', async ({ lab }) => {
    const [clientEnd, serverEnd] = await lab.link(
      await lab.namespace('client'),
      await lab.namespace('server'),
    );
    const { client, server } = makeOwnPair(lab, clientEnd, serverEnd, {
      endpoint: endpoint(serverEnd.v4, PORT),
    });
    await server.up();
    const host = client.namespace.spawn([
      ...[process.execPath, HOST, LIBRARY],
      ...[client.file, client.name, String(STALL_MS)],
    ]);
    await host.says(/^up: /m);
    expect(await ping(client.namespace, INNER.server.v4)).toMatchObject({ received: 3 });

    await startFlows(client.namespace, server.namespace, INNER.server.v4);
    const pings = Promise.all([
      ping(client.namespace, INNER.server.v6, PINGS),
      ping(server.namespace, INNER.client.v6, PINGS),
    ]);
    await sleep(2000);
    const samples = await bytesWhileStalled(host, client.name);
    const pinged = await pings;
    for (const [i, later] of samples.slice(1).entries()) {
      expect(later.rx).toBeGreaterThan(samples[i]?.rx ?? 0);
      expect(later.tx).toBeGreaterThan(samples[i]?.tx ?? 0);
    }
    for (const { sent, received } of pinged)
      expect({ sent, received }).toEqual({ sent: PINGS.count, received: PINGS.count });

    await host.says(/goes on/);
    expect(await host.stop()).toBe(0);
    const { longestStall } = JSON.parse(/^\{.*\}$/m.exec(host.stdout)?.[0] ?? '');
    expect(longestStall).toBeGreaterThan(STALL_MS * 0.95);
    expect(lab.traces().filter((file) => file.includes(client.name))).toEqual([]);
  });
});
