import { expect } from 'vitest';
import { belongsToLink, Capture } from '../support/capture.js';
import { type Lab, type LinkEnd, labTest, type Namespace } from '../support/lab.js';
import { describeSystem, TUNNEL } from '../support/requirements.js';
import { endpoint, type Family, INNER, makeRouter, PORT } from '../support/topology.js';
import { ping, tcpFlow } from '../support/traffic.js';
import { Client, newKeyPair, WireguardGo } from '../support/tunnel.js';

/**
 * client -- router -- server -- hidden
 *
 * The router has no route to the hidden namespace, which is reached through the tunnel only. The
 * client reaches the server over its default route, the very one that the tunnel takes over.
 */
interface Topology {
  readonly client: Client;
  readonly clientEnd: LinkEnd;
  readonly hidden: LinkEnd;
  readonly hiddenNamespace: Namespace;
}

async function build(lab: Lab, outer: Family): Promise<Topology> {
  const names = ['client', 'router', 'server', 'hidden'] as const;
  const [a, router, b, c] = await Promise.all(names.map((name) => lab.namespace(name)));
  if (!a || !router || !b || !c) throw new Error('no namespaces');
  const [clientEnd, routerToClient] = await lab.link(a, router);
  const [routerToServer, serverEnd] = await lab.link(router, b);
  const [serverToHidden, hidden] = await lab.link(b, c);
  await makeRouter(router);
  await makeRouter(b);
  for (const [from, via] of [
    [a, routerToClient],
    [b, routerToServer],
    [c, serverToHidden],
  ] as const)
    for (const family of ['v4', 'v6'] as const)
      await from.ip(`route add default via ${via[family]}`);

  const [clientKeys, serverKeys] = [newKeyPair(), newKeyPair()];
  const allowedIps = [`${INNER.client.v4}/32`, `${INNER.client.v6}/128`];
  const server = new WireguardGo(lab, b, {
    keys: serverKeys,
    addresses: [`${INNER.server.v4}/24`, `${INNER.server.v6}/64`],
    listenPort: PORT,
    peers: [{ publicKey: clientKeys.publicKey, allowedIps }],
  });
  await server.start();
  const client = new Client(lab, a, {
    keys: clientKeys,
    addresses: allowedIps,
    peers: [
      {
        publicKey: serverKeys.publicKey,
        allowedIps: ['0.0.0.0/0', '::/0'],
        endpoint: endpoint(serverEnd[outer], PORT),
      },
    ],
  });
  return { client, clientEnd, hidden, hiddenNamespace: c };
}

describeSystem(
  'a tunnel that takes the default route',
  [...TUNNEL, 'iperf3', 'tcpdump', 'nft'],
  () => {
    for (const outer of ['v4', 'v6'] as const)
      labTest(
        `carries everything but itself, and gives it back: over ${outer}`,
        async ({ lab }) => {
          const { client, clientEnd, hidden, hiddenNamespace } = await build(lab, outer);
          const before = await client.namespace.snapshot();
          expect((await ping(client.namespace, hidden.v4, { patienceSeconds: 2 })).received).toBe(
            0,
          );

          await client.up();
          const onCable = await Capture.start(lab, client.namespace, clientEnd.device);
          const onTun = await Capture.start(lab, client.namespace, client.name);
          for (const family of ['v4', 'v6'] as const) {
            expect(await ping(client.namespace, hidden[family])).toMatchObject({ received: 3 });
            const flow = await tcpFlow(client.namespace, hiddenNamespace, hidden[family]);
            expect(flow.bytes).toBeGreaterThan(1_000_000);
          }
          await expect
            .poll(() => onCable.packets().length, { timeout: 10_000 })
            .toBeGreaterThan(100);
          await expect.poll(() => onTun.packets().length, { timeout: 10_000 }).toBeGreaterThan(100);
          await onCable.stop();
          await onTun.stop();

          const outside = onCable.packets().filter(({ ip }) => !belongsToLink(ip));
          const tunnelled = onCable
            .datagrams()
            .filter(({ sourcePort, destinationPort }) =>
              [sourcePort, destinationPort].includes(PORT),
            );
          expect(tunnelled.length).toBeGreaterThan(100);
          expect(outside.length).toBe(tunnelled.length);
          expect(onTun.packets().length).toBeGreaterThan(100);
          expect(
            onTun.datagrams().filter(({ destinationPort }) => destinationPort === PORT),
          ).toEqual([]);

          await client.down();
          expect(await client.namespace.snapshot()).toBe(before);
          expect(await client.daemons()).toEqual([]);
        },
      );
  },
);
