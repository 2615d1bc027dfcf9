import { expect } from 'vitest';
import { eventually } from '../../support/waiting.js';
import { Capture, sourceOf } from '../support/capture.js';
import { labTest } from '../support/lab.js';
import { mustRun } from '../support/process.js';
import { describeSystem, TUNNEL } from '../support/requirements.js';
import { CLIENT_PORT, endpoint, type Family, INNER, startPair } from '../support/topology.js';
import { ping, pingUntilAnswered } from '../support/traffic.js';

const FAMILIES: readonly Family[] = ['v4', 'v6'];

describeSystem('an interface of two addresses', [...TUNNEL, 'tcpdump'], () => {
  for (const family of FAMILIES)
    labTest(`answers from the address that was asked: ${family}`, async ({ lab }) => {
      // wireguard-go asks here, and the tunnel under test answers.
      const pair = await startPair(lab, { outer: family, initiator: 'server' });
      const { namespace, device } = pair.clientEnd;
      const first = pair.clientEnd[family];
      const second = first.replace(/\d+$/, '99');
      const length = family === 'v4' ? 24 : 64;
      const flags = family === 'v6' ? ' nodad' : '';
      await namespace.ip(`addr add ${second}/${length} dev ${device}${flags}`);
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
});
