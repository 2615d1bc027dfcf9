import { expect } from 'vitest';
import { eventually } from '../../support/waiting.js';
import { Capture, sourceOf } from '../support/capture.js';
import { labTest } from '../support/lab.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import {
  CLIENT_PORT,
  endpoint,
  type Family,
  INNER,
  makePair,
  PORT,
  startPair,
} from '../support/topology.js';
import { ping } from '../support/traffic.js';
import { Client, newKeyPair, WireguardGo } from '../support/tunnel.js';

const STRANGER: { readonly [family in Family]: string } = { v4: '10.64.0.77', v6: 'fd64::77' };
const FAMILIES: readonly Family[] = ['v4', 'v6'];

describeSystem('allowed IPs', [...TUNNEL, 'tcpdump'], () => {
  for (const family of FAMILIES) {
    labTest(
      `drop what the server sends from a source that is not its own: ${family}`,
      async ({ lab }) => {
        const pair = await startPair(lab, { initiator: 'server' });
        const server = pair.server.namespace;
        await server.ip(`addr add ${STRANGER[family]} dev ${pair.server.name} nodad`);
        const onTun = await Capture.start(lab, pair.client.namespace, pair.client.name);
        const seenFrom = (address: string) =>
          onTun.packets().filter(({ ip }) => sourceOf(ip) === address);

        const allowed = await ping(server, INNER.client[family], { from: INNER.server[family] });
        expect(allowed.received).toBe(3);
        const before = await pair.client.peer();
        const refused = await ping(server, INNER.client[family], {
          from: STRANGER[family],
          intervalSeconds: 0.05,
        });
        expect(refused.received).toBe(0);
        expect((await pair.client.peer()).rxBytes).toBeGreaterThan(before.rxBytes + 3 * 96);
        await eventually(
          'the allowed pings',
          20_000,
          () => seenFrom(INNER.server[family]).length >= 3,
        );
        expect(seenFrom(STRANGER[family])).toEqual([]);
      },
    );

    labTest(
      `of the server drop what we send from a source not ours: ${family}`,
      async ({ lab }) => {
        const pair = await startPair(lab);
        await pair.client.namespace.ip(
          `addr add ${STRANGER[family]} dev ${pair.client.name} nodad`,
        );
        const onTun = await Capture.start(lab, pair.server.namespace, pair.server.name);
        const client = pair.client.namespace;
        expect(
          (
            await ping(client, INNER.server[family], {
              from: STRANGER[family],
              intervalSeconds: 0.05,
            })
          ).received,
        ).toBe(0);
        expect(
          await ping(client, INNER.server[family], { from: INNER.client[family] }),
        ).toMatchObject({ received: 3 });
        const sources = () => onTun.packets().map(({ ip }) => sourceOf(ip));
        await expect.poll(sources, { timeout: 10_000 }).toContain(INNER.client[family]);
        expect(sources()).not.toContain(STRANGER[family]);
      },
    );

    // wireguard-go drops such packets without a word.
    labTest.skipIf(isReference)(
      `a destination without a peer is answered as unreachable: ${family}`,
      async ({ lab }) => {
        const pair = await startPair(lab);
        const [network, address] =
          family === 'v4' ? ['10.99.0.0/16', '10.99.0.1'] : ['fd99::/64', 'fd99::1'];
        await pair.client.namespace.ip(`route add ${network} dev ${pair.client.name}`);
        const result = await ping(pair.client.namespace, address);
        expect(result.received).toBe(0);
        expect(result.output).toMatch(/unreachable|prohibited|filtered|no route/i);
      },
    );
  }

  labTest('one peer cannot speak as another', async ({ lab }) => {
    const pair = await makePair(lab);
    const [clientLink, thirdLink] = await lab.link(
      pair.clientEnd.namespace,
      await lab.namespace('third'),
    );
    const [clientKeys, thirdKeys] = [newKeyPair(), newKeyPair()];
    const allowedIps = [`${INNER.client.v4}/32`, `${INNER.client.v6}/128`];
    const serverPeer = { publicKey: clientKeys.publicKey, allowedIps };
    const server = new WireguardGo(lab, pair.server.namespace, {
      ...pair.server.spec,
      peers: [serverPeer],
    });
    const third = new WireguardGo(lab, thirdLink.namespace, {
      keys: thirdKeys,
      addresses: [`${INNER.server.v4}/32`, `${STRANGER.v4}/32`],
      listenPort: PORT,
      peers: [{ ...serverPeer, endpoint: endpoint(clientLink.v4, CLIENT_PORT) }],
    });
    const client = new Client(lab, pair.client.namespace, {
      keys: clientKeys,
      addresses: allowedIps,
      listenPort: CLIENT_PORT,
      peers: [
        {
          publicKey: pair.server.spec.keys.publicKey,
          allowedIps: [`${INNER.server.v4}/32`],
          endpoint: endpoint(pair.serverEnd.v4, PORT),
        },
        { publicKey: thirdKeys.publicKey, allowedIps: [`${STRANGER.v4}/32`] },
      ],
    });
    await server.start();
    await third.start();
    await client.up();
    const onTun = await Capture.start(lab, client.namespace, client.name, 'icmp');

    const refused = await ping(third.namespace, INNER.client.v4, {
      from: INNER.server.v4,
      intervalSeconds: 0.05,
    });
    expect(refused.received).toBe(0);
    expect(onTun.packets()).toEqual([]);
    expect(await ping(third.namespace, INNER.client.v4, { from: STRANGER.v4 })).toMatchObject({
      received: 3,
    });
    expect(await ping(client.namespace, INNER.server.v4)).toMatchObject({ received: 3 });
    await eventually('the allowed pings', 40_000, () => onTun.packets().length >= 12);
  });
});
