import { expect } from 'vitest';
import { labTest } from '../support/lab.js';
import { describeSystem, TUNNEL } from '../support/requirements.js';
import { type Family, INNER, startPair } from '../support/topology.js';
import { ping, tcpFlow, udpFlow } from '../support/traffic.js';

const FAMILIES: readonly Family[] = ['v4', 'v6'];

describeSystem('traffic with wireguard-go as the server', [...TUNNEL, 'iperf3'], () => {
  for (const outer of FAMILIES)
    for (const withPresharedKey of [false, true]) {
      const secrets = withPresharedKey ? 'preshared key' : 'no preshared key';
      for (const inner of FAMILIES)
        labTest(`ping, TCP and UDP: ${inner} in ${outer}, ${secrets}`, async ({ lab }) => {
          const pair = await startPair(lab, { outer, withPresharedKey });
          const client = pair.client.namespace;
          const server = pair.server.namespace;
          const target = INNER.server[inner];

          expect(await ping(client, target)).toMatchObject({ sent: 3, received: 3 });
          expect(await ping(client, target, { size: 1300 })).toMatchObject({ received: 3 });
          const up = await tcpFlow(client, server, target);
          const down = await tcpFlow(client, server, target, true);
          expect(up.bytes).toBeGreaterThan(1_000_000);
          expect(down.bytes).toBeGreaterThan(1_000_000);
          const datagrams = await udpFlow(client, server, target, 5);
          expect(datagrams.bytes).toBeGreaterThan(40_000);
          expect((await pair.client.peer()).latestHandshake).toBeGreaterThan(0);
        });

      labTest(`the server begins: ${outer}, ${secrets}`, async ({ lab }) => {
        const pair = await startPair(lab, { outer, withPresharedKey, initiator: 'server' });
        expect((await pair.client.peer()).endpoint).toBe('');
        for (const inner of FAMILIES)
          expect(await ping(pair.server.namespace, INNER.client[inner])).toMatchObject({
            received: 3,
          });
        const flow = await tcpFlow(pair.client.namespace, pair.server.namespace, INNER.server.v4);
        expect(flow.bytes).toBeGreaterThan(1_000_000);
        expect((await pair.client.peer()).endpoint).toContain(pair.serverEnd[outer]);
      });
    }
});
