import { expect } from 'vitest';
import { type LinkEnd, labTest } from '../support/lab.js';
import { mustRun } from '../support/process.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import { endpoint, type Family, INNER, PORT, startPair } from '../support/topology.js';
import { ping, pingUntilAnswered } from '../support/traffic.js';
import { peerOf } from '../support/tunnel.js';

const FAMILIES: readonly Family[] = ['v4', 'v6'];

/** The third address of the link's network instead of the one that `end` had. */
async function renumber(end: LinkEnd, family: Family): Promise<string> {
  const before = end[family];
  const after = before.replace(/\d+$/, '3');
  const length = family === 'v4' ? 24 : 64;
  await end.namespace.ip(`addr del ${before}/${length} dev ${end.device}`);
  await end.namespace.ip(
    `addr add ${after}/${length} dev ${end.device}${family === 'v6' ? ' nodad' : ''}`,
  );
  return after;
}

/**
 * wireguard-go 0.0.20220316 goes on sending from the IPv4 address it used before, even when that is
 * gone; setting the same endpoint again makes it forget.
 */
async function forgetSource(interfaceName: string): Promise<void> {
  const peer = await peerOf(interfaceName);
  await mustRun(['wg', 'set', interfaceName, 'peer', peer.publicKey, 'endpoint', peer.endpoint]);
}

describeSystem('endpoints that change', TUNNEL, () => {
  for (const outer of FAMILIES) {
    labTest(`the server moves and we follow: ${outer}`, async ({ lab }) => {
      const pair = await startPair(lab, { outer });
      expect(await ping(pair.client.namespace, INNER.server.v4)).toMatchObject({ received: 3 });

      const moved = await renumber(pair.serverEnd, outer);
      await forgetSource(pair.server.name);
      // We cannot know before the server sends: it does, from its new address.
      await pingUntilAnswered(pair.server.namespace, INNER.client.v4, 30_000);
      expect((await pair.client.peer()).endpoint).toBe(endpoint(moved, PORT));
      expect(await ping(pair.client.namespace, INNER.server.v4)).toMatchObject({ received: 3 });
    });

    labTest(`we move and the server follows: ${outer}`, async ({ lab }) => {
      const pair = await startPair(lab, { outer });
      expect(await ping(pair.client.namespace, INNER.server.v4)).toMatchObject({ received: 3 });

      const moved = await renumber(pair.clientEnd, outer);
      if (isReference) await forgetSource(pair.client.name);
      await pingUntilAnswered(pair.client.namespace, INNER.server.v4, 30_000);
      expect((await pair.server.peer()).endpoint).toContain(moved);
    });
  }
});
