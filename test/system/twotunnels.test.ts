import { expect } from 'vitest';
import { type Lab, labTest, type Namespace } from './support/lab.js';
import { describeSystem, TUNNEL } from './support/requirements.js';
import { endpoint, PORT } from './support/topology.js';
import { ping } from './support/traffic.js';
import { Client, newKeyPair, WireguardGo } from './support/tunnel.js';

/** A server in a namespace of its own, whose inner network is 10.N.0.0/24. */
async function tunnelTo(lab: Lab, from: Namespace, n: number): Promise<Client> {
  const [, serverEnd] = await lab.link(from, await lab.namespace(`server${n}`));
  const [clientKeys, serverKeys] = [newKeyPair(), newKeyPair()];
  const server = new WireguardGo(lab, serverEnd.namespace, {
    keys: serverKeys,
    addresses: [`10.${n}.0.1/24`],
    listenPort: PORT,
    peers: [{ publicKey: clientKeys.publicKey, allowedIps: [`10.${n}.0.2/32`] }],
  });
  await server.start();
  return new Client(lab, from, {
    keys: clientKeys,
    addresses: [`10.${n}.0.2/24`],
    peers: [
      {
        publicKey: serverKeys.publicKey,
        allowedIps: [`10.${n}.0.0/24`],
        endpoint: endpoint(serverEnd.v4, PORT),
      },
    ],
  });
}

describeSystem('two tunnels of one machine', TUNNEL, () => {
  labTest('carry traffic side by side, and one outlives the other', async ({ lab }) => {
    const namespace = await lab.namespace('client');
    const first = await tunnelTo(lab, namespace, 71);
    const second = await tunnelTo(lab, namespace, 72);
    await first.up();
    await second.up();
    const both = await Promise.all([ping(namespace, '10.71.0.1'), ping(namespace, '10.72.0.1')]);
    expect(both.map(({ received }) => received)).toEqual([3, 3]);

    await first.down();
    expect(await namespace.run(['ip', 'link', 'show', first.name])).toMatchObject({ code: 1 });
    expect(await ping(namespace, '10.72.0.1')).toMatchObject({ received: 3 });
    await second.down();
    expect(await second.daemons()).toEqual([]);
  });
});
