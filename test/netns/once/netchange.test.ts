import { expect } from 'vitest';
import { eventually } from '../../support/waiting.js';
import { labTest } from '../support/lab.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import { type Family, INNER, startPair } from '../support/topology.js';
import { ping } from '../support/traffic.js';

const FAMILIES: readonly Family[] = ['v4', 'v6'];

const subjectTest = labTest.skipIf(isReference);

describeSystem('another network', TUNNEL, () => {
  for (const outer of FAMILIES)
    subjectTest(`is shown to the server without any traffic: ${outer}`, async ({ lab }) => {
      const pair = await startPair(lab, { outer });
      const { namespace, device } = pair.clientEnd;
      expect(await ping(namespace, INNER.server.v4)).toMatchObject({ received: 3 });
      const before = (await pair.server.peer()).latestHandshake;

      const first = pair.clientEnd[outer];
      const second = first.replace(/\d+$/, '3');
      const length = outer === 'v4' ? 24 : 64;
      await namespace.ip(`addr del ${first}/${length} dev ${device}`);
      const flags = outer === 'v6' ? ' nodad' : '';
      await namespace.ip(`addr add ${second}/${length} dev ${device}${flags}`);

      await eventually('a handshake from there', 40_000, async () => {
        const { endpoint, latestHandshake } = await pair.server.peer();
        return endpoint.includes(second) && latestHandshake > before;
      });
      expect(await ping(pair.server.namespace, INNER.client.v4)).toMatchObject({ received: 3 });
    });

  subjectTest('that only the tunnel itself has caused changes nothing', async ({ lab }) => {
    const pair = await startPair(lab);
    const { namespace } = pair.clientEnd;
    expect(await ping(namespace, INNER.server.v4)).toMatchObject({ received: 3 });
    const before = (await pair.client.peer()).latestHandshake;
    await namespace.ip(`addr add 10.99.0.1/32 dev ${pair.client.name}`);
    await namespace.ip(`route add 10.99.1.0/24 dev ${pair.client.name}`);
    // Longer than REKEY_TIMEOUT, which would hold a handshake back.
    await new Promise((resolve) => setTimeout(resolve, 7000));
    expect((await pair.client.peer()).latestHandshake).toBe(before);
  });
});
