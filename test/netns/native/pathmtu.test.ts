import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { expectNoChecksumErrors } from '../support/counters.js';
import { cProgram } from '../support/cprogram.js';
import { type Lab, type LinkEnd, labTest, type Namespace } from '../support/lab.js';
import { type OwnPair, startOwnPair } from '../support/ownpair.js';
import { describeSystem, TUNNEL } from '../support/requirements.js';
import { endpoint, type Family, INNER, makeRouter, PORT } from '../support/topology.js';
import { ping, pingUntilAnswered } from '../support/traffic.js';
import { expectDatagramsIntact, expectStreamsIntact } from '../support/transfer.js';

const FAMILIES: readonly Family[] = ['v4', 'v6'];
const TUNNEL_MTU = 1420;
const SMALL_MTU = 1300;
const MIB = 8;
/** Enough for a few changes while it is on its way. */
const LONG_MIB = 512;
const TEST_MS = 240_000;

/** The largest payload of a ping whose packet has the tunnel's MTU. */
const LARGEST_PING: { readonly [family in Family]: number } = {
  v4: TUNNEL_MTU - 28,
  v6: TUNNEL_MTU - 48,
};

async function setMtu(ends: readonly LinkEnd[], mtu: number): Promise<void> {
  for (const { namespace, device } of ends) await namespace.ip(`link set ${device} mtu ${mtu}`);
}

async function expectFlows({ client, server }: OwnPair, mib = MIB): Promise<void> {
  for (const family of FAMILIES)
    await expectStreamsIntact(
      { from: client.namespace, to: server.namespace, address: INNER.server[family] },
      mib,
    );
}

/** Also what fills the tunnel's datagrams to the last byte; the first may be lost to the news. */
async function expectCarriesEverything(lab: Lab, pair: OwnPair): Promise<void> {
  for (const family of FAMILIES) {
    const size = LARGEST_PING[family];
    await pingUntilAnswered(pair.client.namespace, INNER.server[family], 30_000, { size });
    expect(await ping(pair.client.namespace, INNER.server[family], { size })).toMatchObject({
      received: 3,
    });
  }
  await expectFlows(pair);
  await expectDatagramsIntact(
    cProgram(lab, 'datagrams'),
    {
      from: pair.client.namespace,
      to: pair.server.namespace,
      address: INNER.server.v4,
    },
    { count: 2000, share: 0.8, pauseMicroseconds: 3000 },
  );
  await expectNoChecksumErrors(pair.client.namespace);
  await expectNoChecksumErrors(pair.server.namespace);
}

interface Network {
  readonly clientEnd: LinkEnd;
  readonly serverEnd: LinkEnd;
}

async function direct(lab: Lab): Promise<Network> {
  const [clientEnd, serverEnd] = await lab.link(
    await lab.namespace('client'),
    await lab.namespace('server'),
  );
  return { clientEnd, serverEnd };
}

/** Neither end sees that it is narrow behind the router; ICMP informs them. */
async function behindRouter(lab: Lab): Promise<Network> {
  const router = await lab.namespace('router');
  const [clientEnd, nearClient] = await lab.link(await lab.namespace('client'), router);
  const [nearServer, serverEnd] = await lab.link(router, await lab.namespace('server'));
  await makeRouter(router);
  const ways: readonly (readonly [Namespace, LinkEnd])[] = [
    [clientEnd.namespace, nearClient],
    [serverEnd.namespace, nearServer],
  ];
  for (const [from, via] of ways)
    for (const family of FAMILIES) await from.ip(`route add default via ${via[family]}`);
  await setMtu([nearServer, serverEnd], SMALL_MTU);
  return { clientEnd, serverEnd };
}

async function start(lab: Lab, { clientEnd, serverEnd }: Network, outer: Family): Promise<OwnPair> {
  const target = endpoint(serverEnd[outer], PORT);
  return startOwnPair(lab, clientEnd, serverEnd, { endpoint: target });
}

describeSystem('a path that takes less than a datagram', [...TUNNEL, 'nstat', 'compiler'], () => {
  for (const outer of FAMILIES) {
    labTest(
      `carries everything in fragments: the link itself, ${outer}`,
      async ({ lab }) => {
        const network = await direct(lab);
        await setMtu([network.clientEnd, network.serverEnd], SMALL_MTU);
        await expectCarriesEverything(lab, await start(lab, network, outer));
      },
      TEST_MS,
    );

    labTest(
      `carries everything in fragments: behind a router, ${outer}`,
      async ({ lab }) => {
        await expectCarriesEverything(lab, await start(lab, await behindRouter(lab), outer));
      },
      TEST_MS,
    );

    labTest(
      `may become narrow and wide while much is on its way: ${outer}`,
      async ({ lab }) => {
        const network = await direct(lab);
        const pair = await start(lab, network, outer);
        const changes = [SMALL_MTU, 1500, 1400, 1280, 9000];
        let isDone = false;
        const flow = expectFlows(pair, LONG_MIB).finally(() => {
          isDone = true;
        });
        let count = 0;
        for (; !isDone; count++) {
          await setMtu(
            [network.clientEnd, network.serverEnd],
            changes[count % changes.length] ?? 0,
          );
          await sleep(300);
        }
        await flow;
        expect(count).toBeGreaterThan(changes.length);
        await setMtu([network.clientEnd, network.serverEnd], 1500);
        await expectCarriesEverything(lab, pair);
      },
      TEST_MS,
    );
  }

  labTest(
    'the MTU of the tunnel itself may change',
    async ({ lab }) => {
      const network = await direct(lab);
      const pair = await start(lab, network, 'v4');
      for (const mtu of [1280, 1500, 9000, 1420]) {
        for (const { namespace, name } of [pair.client, pair.server])
          await namespace.ip(`link set ${name} mtu ${mtu}`);
        await expectFlows(pair);
      }
      await expectCarriesEverything(lab, pair);
    },
    TEST_MS,
  );
});
