import { expect } from 'vitest';
import { expectNoChecksumErrors } from '../support/counters.js';
import { cProgram } from '../support/cprogram.js';
import { type Lab, type LinkEnd, labTest } from '../support/lab.js';
import { type OwnPair, startOwnPair } from '../support/ownpair.js';
import { Relay, type RelayCounts } from '../support/relay.js';
import { describeSystem, PLANE, TUNNEL } from '../support/requirements.js';
import { CLIENT_PORT, endpoint, type Family, INNER, PORT } from '../support/topology.js';
import { pingUntilAnswered } from '../support/traffic.js';
import { expectDatagramsIntact, expectStreamsIntact } from '../support/transfer.js';

const MIB = Number(process.env['WG_TS_INTEGRITY_MIB'] || (PLANE === 'native' ? 1024 : 64));
const DATAGRAMS = 20_000;
const RATES = { loss: 0.5, reorder: 1, double: 0.5 };
const PATH = `${RATES.loss} % lost, ${RATES.reorder} % reordered, ${RATES.double} % doubled`;
const SEED = 7;

/** Long enough for 2 MiB a second, and for what is waited for before and after. */
const TRANSFER_MS = (MIB / 2) * 1000 + 120_000;
const TEST_MS = TRANSFER_MS + 120_000;

interface Topology extends OwnPair {
  readonly relay: Relay;
  readonly ends: readonly [LinkEnd, LinkEnd];
}

/** The client's endpoint is the relay in the middle, and the server takes that for the client. */
async function build(lab: Lab, outer: Family): Promise<Topology> {
  const middle = await lab.namespace('middle');
  const [clientEnd, nearClient] = await lab.link(await lab.namespace('client'), middle);
  const [, serverEnd] = await lab.link(middle, await lab.namespace('server'));
  const at = { address: nearClient[outer], port: PORT };
  const target = { address: serverEnd[outer], port: PORT };
  const relay = await Relay.start(lab, middle, at, target, RATES, SEED);
  const pair = await startOwnPair(lab, clientEnd, serverEnd, {
    endpoint: endpoint(at.address, at.port),
  });
  // A handshake may be lost too: then the next try comes after REKEY_TIMEOUT, section 6.4.
  await pingUntilAnswered(pair.client.namespace, INNER.server.v4, 40_000);
  return { ...pair, relay, ends: [clientEnd, serverEnd] };
}

function expectWasBad({ received, lost, reordered, doubled }: RelayCounts): void {
  expect(lost).toBeGreaterThan((received * RATES.loss) / 200);
  // What nothing comes to overtake is not reordered.
  expect(reordered).toBeGreaterThan((received * RATES.reorder) / 1000);
  expect(doubled).toBeGreaterThan((received * RATES.double) / 200);
}

describeSystem(`over a bad path (${PATH})`, [...TUNNEL, 'nstat', 'compiler'], () => {
  for (const [inner, outer] of [
    ['v4', 'v4'],
    ['v6', 'v6'],
  ] as const) {
    labTest(
      `${MIB} MiB of random data each way have the same SHA-256: ${inner} in ${outer}`,
      async ({ lab }) => {
        const { client, server, relay, ends } = await build(lab, outer);
        const route = {
          from: client.namespace,
          to: server.namespace,
          address: INNER.server[inner],
        };
        await expectStreamsIntact(route, MIB, TRANSFER_MS);
        for (const { namespace } of ends) await expectNoChecksumErrors(namespace);
        const { there, back } = await relay.stop();
        expectWasBad(there);
        expectWasBad(back);
        // Neither tunnel found a way around it.
        expect((await server.peer()).endpoint).not.toContain(`:${CLIENT_PORT}`);
      },
      TEST_MS,
    );

    labTest(
      `datagrams of all lengths come whole, and once or not at all: ${inner} in ${outer}`,
      async ({ lab }) => {
        const { client, server, relay } = await build(lab, outer);
        const program = cProgram(lab, 'datagrams');
        const options = { count: DATAGRAMS, share: 0.8, pauseMicroseconds: 3000 };
        const [from, to] = [client.namespace, server.namespace];
        await expectDatagramsIntact(program, { from, to, address: INNER.server[inner] }, options);
        await expectDatagramsIntact(
          program,
          { from: to, to: from, address: INNER.client[inner] },
          options,
        );
        const { there, back } = await relay.stop();
        expectWasBad(there);
        expectWasBad(back);
      },
      240_000,
    );
  }
});
