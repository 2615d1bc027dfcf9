import { expect } from 'vitest';
import { labTest } from '../support/lab.js';
import { describeSystem, isReference, PLANE, TUNNEL } from '../support/requirements.js';
import { INNER, makePair } from '../support/topology.js';
import { ping } from '../support/traffic.js';
import { type Client, command } from '../support/tunnel.js';

interface Shown {
  readonly interfaces: readonly { readonly dataPlane: string }[];
}

async function planeOf(client: Client): Promise<string | undefined> {
  const json = await client.namespace.mustRun(command('show', client.name, '--json'));
  return (JSON.parse(json) as Shown).interfaces[0]?.dataPlane;
}

describeSystem(`the ${PLANE} data plane`, TUNNEL, () => {
  for (const way of ['background', 'foreground'] as const)
    labTest.skipIf(isReference)(`is the one that runs: in the ${way}`, async ({ lab }) => {
      const { client, server } = await makePair(lab);
      await server.start();
      await (way === 'background' ? client.up() : client.spawnForeground());
      expect(await planeOf(client)).toBe(PLANE);
      expect(await ping(client.namespace, INNER.server.v4)).toMatchObject({ received: 3 });
    });
});
