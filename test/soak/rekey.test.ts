import { describe, expect } from 'vitest';
import { type Lab, labTest, type Namespace } from '../netns/support/lab.js';
import { describeSystem, type Need, type Plane, TUNNEL } from '../netns/support/requirements.js';
import { INNER, type PairOptions, startPair } from '../netns/support/topology.js';
import { type PingResult, ping } from '../netns/support/traffic.js';

/** REKEY_AFTER_TIME (section 6.1) is 120 seconds; the pings run somewhat longer. */
const REKEY_AFTER_SECONDS = 120;
const PINGS = { count: 2700, intervalSeconds: 0.05 };

const ROLES: readonly (PairOptions & { readonly initiator: 'client' | 'server' })[] = [
  { initiator: 'client', withPresharedKey: true },
  { initiator: 'server', outer: 'v6' },
];

const PLANES: readonly (readonly [Plane, readonly Need[]])[] = [
  ['portable', TUNNEL],
  ['native', [...TUNNEL, 'native']],
];

/** Pings both ways at once for longer than a session lasts. */
async function expectReplacedWithoutLoss(lab: Lab, options: (typeof ROLES)[number]): Promise<void> {
  const pair = await startPair(lab, options);
  const client = pair.client.namespace;
  const server = pair.server.namespace;
  const first =
    options.initiator === 'client'
      ? await ping(client, INNER.server.v4)
      : await ping(server, INNER.client.v4);
  expect(first.received).toBe(3);
  const before = await pair.client.peer();

  const bothWays: [Namespace, string][] = [
    [client, INNER.server.v4],
    [server, INNER.client.v4],
  ];
  const results: PingResult[] = await Promise.all(
    bothWays.map(([from, to]) => ping(from, to, PINGS)),
  );
  for (const { sent, received } of results)
    expect({ sent, received }).toEqual({ sent: PINGS.count, received: PINGS.count });
  const after = await pair.client.peer();
  expect(after.latestHandshake - before.latestHandshake).toBeGreaterThanOrEqual(
    REKEY_AFTER_SECONDS - 2,
  );
}

// All side by side: they wait more than they work.
describe.concurrent('a session that grows old', () => {
  for (const [plane, needs] of PLANES)
    describeSystem(`on the ${plane} data plane`, needs, () => {
      for (const options of ROLES)
        labTest(`is replaced without loss: the ${options.initiator} begins`, async ({ lab }) => {
          const env = { WG_TS_DATAPLANE: plane };
          await expectReplacedWithoutLoss(lab, { ...options, env });
        });
    });
});
