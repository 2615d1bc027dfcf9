import { expect } from 'vitest';
import { type Lab, labTest, type Namespace } from '../support/lab.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import { endpoint, PORT } from '../support/topology.js';
import { ping } from '../support/traffic.js';
import { Client, newKeyPair, WireguardGo } from '../support/tunnel.js';

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

  // wg-quick finds out in the middle, and says what ip(8) says.
  labTest.skipIf(isReference)(
    'cannot have the same route, and the first one goes on',
    async ({ lab }) => {
      const namespace = await lab.namespace('client');
      const first = await tunnelTo(lab, namespace, 71);
      await first.up();
      const before = await namespace.snapshot();
      const route = '10.71.0.0/24';
      for (const more of ['', 'Address = 10.71.0.9/24']) {
        const second = new Client(
          lab,
          namespace,
          `[Interface]\nPrivateKey = ${newKeyPair().privateKey}\n${more}\n[Peer]\nPublicKey = ${newKeyPair().publicKey}\nAllowedIPs = ${route}\n`,
        );
        const refused = await second.tryUp();
        expect(refused).toMatchObject({ code: 1 });
        expect(refused.stderr).toContain(`interface ${first.name} already has the route ${route}`);
        expect(refused.stderr).toMatch(/^hint: .*AllowedIPs/m);
        expect(refused.stderr).not.toContain('[#]');
        expect(await namespace.snapshot()).toBe(before);
      }
      expect(await ping(namespace, '10.71.0.1')).toMatchObject({ received: 3 });
      await first.down();
    },
  );

  labTest('may have the same host address', async ({ lab }) => {
    const namespace = await lab.namespace('client');
    const [first, second] = ['10.71.0.0/24', '10.72.0.0/24'].map(
      (network) =>
        new Client(
          lab,
          namespace,
          `[Interface]\nPrivateKey = ${newKeyPair().privateKey}\nAddress = 10.70.0.1/32\nTable = off\n[Peer]\nPublicKey = ${newKeyPair().publicKey}\nAllowedIPs = ${network}\n`,
        ),
    ) as [Client, Client];
    await first.up();
    const { code, stderr } = await second.tryUp();
    expect(code).toBe(0);
    if (!isReference)
      expect(stderr).toContain(`interface ${first.name} has the address 10.70.0.1 too`);
    for (const { name } of [first, second])
      expect(await namespace.ip(`-oneline address show dev ${name}`)).toContain('10.70.0.1/32');
    await first.down();
    await second.down();
  });

  labTest.skipIf(isReference)(
    'may both take the default route, and end in either order',
    async ({ lab }) => {
      const [here] = await lab.link(await lab.namespace('client'), await lab.namespace('net'));
      const { namespace } = here;
      await namespace.ip('route add default via 198.18.1.2');
      const before = await namespace.snapshot();
      const full = (n: number, more: string): Client =>
        new Client(
          lab,
          namespace,
          `[Interface]\nPrivateKey = ${newKeyPair().privateKey}\nAddress = 10.7${n}.0.2/32\n${more}\n[Peer]\nPublicKey = ${newKeyPair().publicKey}\nAllowedIPs = 0.0.0.0/0\nEndpoint = 198.18.1.2:5182${n}\n`,
        );
      const wayOf = (): Promise<string> => namespace.mustRun(['ip', 'route', 'get', '192.0.2.1']);
      for (const order of ['first in, first out', 'last in, first out']) {
        const [first, second] = [full(1, ''), full(2, '')];
        await first.up();
        expect(await wayOf()).toContain(first.name);
        await second.up();
        // As with wg-quick, the last one that came has everything.
        expect(await wayOf()).toContain(second.name);
        const [earlier, later] =
          order === 'first in, first out' ? [first, second] : [second, first];
        await earlier.down();
        expect(await wayOf()).toContain(later.name);
        await later.down();
        expect(await namespace.snapshot(), order).toBe(before);
      }

      const [first, second] = [full(3, 'FwMark = 0x77'), full(4, 'FwMark = 0x77')];
      await first.up();
      const refused = await second.tryUp();
      expect(refused.stderr).toContain(`already has the route 0.0.0.0/0 in table ${0x77}`);
      await first.down();
      expect(await namespace.snapshot()).toBe(before);
    },
  );
});
