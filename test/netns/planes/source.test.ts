import { expect } from 'vitest';
import { eventually } from '../../support/waiting.js';
import { Capture, sourceOf } from '../support/capture.js';
import { labTest } from '../support/lab.js';
import { mustRun } from '../support/process.js';
import { describeSystem, TUNNEL } from '../support/requirements.js';
import {
  CLIENT_PORT,
  endpoint,
  type Family,
  INNER,
  makePair,
  startPair,
} from '../support/topology.js';
import { ping, pingUntilAnswered } from '../support/traffic.js';

const FAMILIES: readonly Family[] = ['v4', 'v6'];

describeSystem('an interface of two addresses', [...TUNNEL, 'tcpdump'], () => {
  for (const family of FAMILIES)
    labTest(`answers from the address that was asked: ${family}`, async ({ lab }) => {
      // wireguard-go asks here, and the tunnel under test answers.
      const pair = await makePair(lab, { outer: family, initiator: 'server' });
      const { namespace, device } = pair.clientEnd;
      const first = pair.clientEnd[family];
      const second = first.replace(/\d+$/, '99');
      const length = family === 'v4' ? 24 : 64;
      const flags = family === 'v6' ? ' nodad' : '';
      // Before the tunnel is up: a change of the network lets the system choose for a moment.
      await namespace.ip(`addr add ${second}/${length} dev ${device}${flags}`);
      await pair.server.start();
      await pair.client.up();
      const filter = `udp and src port ${CLIENT_PORT}`;
      const onCable = await Capture.start(lab, namespace, device, filter);
      const key = (await pair.server.peer()).publicKey;
      let before = 0;

      // Without a choice of its own the system would take one and the same for all.
      for (const asked of [second, first, second]) {
        const target = endpoint(asked, CLIENT_PORT);
        await mustRun(['wg', 'set', pair.server.name, 'peer', key, 'endpoint', target]);
        expect(await ping(pair.server.namespace, INNER.client.v4)).toMatchObject({ received: 3 });
        // Also what it begins itself, and in the tunnel's other family.
        expect(await ping(namespace, INNER.server.v6)).toMatchObject({ received: 3 });
        const datagrams = await eventually('six datagrams', 40_000, () => {
          const seen = onCable.datagrams().slice(before);
          return seen.length >= 6 && seen;
        });
        expect(new Set(datagrams.map(({ ip }) => sourceOf(ip)))).toEqual(new Set([asked]));
        expect((await pair.server.peer()).endpoint).toBe(target);
        before += datagrams.length;
      }
    });

  for (const family of FAMILIES)
    labTest(
      `goes on when the one that it answers from is taken away: ${family}`,
      async ({ lab }) => {
        const pair = await startPair(lab, { outer: family, initiator: 'server' });
        const { namespace, device } = pair.clientEnd;
        const second = pair.clientEnd[family].replace(/\d+$/, '99');
        const length = family === 'v4' ? 24 : 64;
        const flags = family === 'v6' ? ' nodad' : '';
        await namespace.ip(`addr add ${second}/${length} dev ${device}${flags}`);
        const key = (await pair.server.peer()).publicKey;
        const target = endpoint(second, CLIENT_PORT);
        await mustRun(['wg', 'set', pair.server.name, 'peer', key, 'endpoint', target]);
        expect(await ping(pair.server.namespace, INNER.client.v4)).toMatchObject({ received: 3 });

        await namespace.ip(`addr del ${second}/${length} dev ${device}`);
        // Over the other address.
        await pingUntilAnswered(namespace, INNER.server.v4, 40_000);
        expect((await pair.server.peer()).endpoint).toBe(
          endpoint(pair.clientEnd[family], CLIENT_PORT),
        );
      },
    );

  for (const family of FAMILIES)
    labTest(`leaves by another link at once when the route changes: ${family}`, async ({ lab }) => {
      const pair = await makePair(lab, { outer: family });
      const { namespace } = pair.clientEnd;
      const [clientEnd, serverEnd] = await lab.link(namespace, pair.serverEnd.namespace);
      await pair.server.start();
      await pair.client.up();
      const server = pair.serverEnd[family];
      const bits = family === 'v4' ? '/32' : '/128';
      expect(await ping(namespace, INNER.server.v4)).toMatchObject({ received: 3 });
      const filter = `udp and src port ${CLIENT_PORT}`;
      const onNewCable = await Capture.start(lab, namespace, clientEnd.device, filter);
      const onOldCable = await Capture.start(lab, namespace, pair.clientEnd.device, filter);
      await namespace.ip(
        `route replace ${server}${bits} via ${serverEnd[family]} dev ${clientEnd.device}`,
      );
      await pingUntilAnswered(namespace, INNER.server.v4, 40_000);
      await eventually(
        'a datagram on the other link',
        40_000,
        () => onNewCable.datagrams().length > 0,
      );
      expect(onOldCable.datagrams()).toEqual([]);
      // Also its source: the server sees where the client is now.
      await eventually('the address of the other link', 40_000, async () => {
        await ping(namespace, INNER.server.v4, { count: 1 });
        return (await pair.server.peer()).endpoint === endpoint(clientEnd[family], CLIENT_PORT);
      });
      expect(onOldCable.datagrams()).toEqual([]);
    });
});
