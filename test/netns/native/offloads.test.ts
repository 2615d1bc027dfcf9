import { release } from 'node:os';
import { expect } from 'vitest';
import type { Offload } from '../../../native/offloads.js';
import { Capture } from '../support/capture.js';
import { expectNoChecksumErrors } from '../support/counters.js';
import { cProgram } from '../support/cprogram.js';
import { type Lab, type LinkEnd, labTest, type Namespace } from '../support/lab.js';
import { startOwnPair } from '../support/ownpair.js';
import { describeSystem, TUNNEL } from '../support/requirements.js';
import { CLIENT_PORT, endpoint, type Family, INNER, PORT, startPair } from '../support/topology.js';
import { ping } from '../support/traffic.js';
import { expectDatagramsIntact, expectStreamsIntact, type Route } from '../support/transfer.js';
import type { Environment } from '../support/tunnel.js';

const FAMILIES: readonly Family[] = ['v4', 'v6'];
const MIB = 20;
const DATAGRAMS = { count: 2000, share: 0.8, pauseMicroseconds: 3000 };
const TEST_MS = 240_000;

/** Where packets are seen that are longer than a path takes: those that an offload has joined. */
type Place = 'TCP read' | 'UDP read' | 'sent' | 'TCP written' | 'UDP written';

const PLACES: readonly Place[] = ['TCP read', 'UDP read', 'sent', 'TCP written', 'UDP written'];

/** What there is to leave out, and where nothing joined is seen then. */
const OFFLOADS: Readonly<Record<Offload, readonly Place[]>> = {
  'vnet-hdr': ['TCP read', 'UDP read', 'TCP written', 'UDP written'],
  tso: ['TCP read'],
  uso: ['UDP read'],
  'udp-segment': ['sent'],
  // What the socket is given is not seen from outside.
  'udp-gro': [],
  'tcp-coalescing': ['TCP written'],
  'udp-coalescing': ['UDP written'],
  'direct-crypto': [],
};

const ALL: string = Object.keys(OFFLOADS).join(',');

/** TUN devices have known of joined datagrams since Linux 6.2. */
function hasUdpOffloads(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 2);
}

interface Ends {
  readonly client: { readonly namespace: Namespace; readonly name: string };
  readonly server: { readonly namespace: Namespace; readonly name: string };
  readonly clientEnd: LinkEnd;
}

async function expectWorks(lab: Lab, { client, server }: Ends): Promise<void> {
  const program = cProgram(lab, 'datagrams');
  for (const family of FAMILIES)
    expect(await ping(client.namespace, INNER.server[family])).toMatchObject({ received: 3 });
  const routes = FAMILIES.flatMap((family): [Route, Route] => [
    { from: client.namespace, to: server.namespace, address: INNER.server[family] },
    { from: server.namespace, to: client.namespace, address: INNER.client[family] },
  ]);
  await Promise.all(routes.map((route) => expectDatagramsIntact(program, route, DATAGRAMS)));
  for (const route of routes.filter(({ from }) => from === client.namespace))
    await expectStreamsIntact(route, MIB);
  await expectNoChecksumErrors(client.namespace);
  await expectNoChecksumErrors(server.namespace);
}

/** The places on the way from client to server where joined packets are seen during `action`. */
async function placesWithJoined(
  lab: Lab,
  { client, server, clientEnd }: Ends,
  action: () => Promise<void>,
): Promise<Set<Place>> {
  // The longest datagram of a tunnel of 1420 bytes is one of 1480, and has an Ethernet header.
  const joined = 'greater 1600';
  const fromClient = `(src host ${INNER.client.v4} or src host ${INNER.client.v6}) and ${joined}`;
  const captures: Record<Place, Capture> = {
    'TCP read': await Capture.start(lab, client.namespace, client.name, `tcp and ${fromClient}`),
    'UDP read': await Capture.start(lab, client.namespace, client.name, `udp and ${fromClient}`),
    sent: await Capture.start(
      lab,
      client.namespace,
      clientEnd.device,
      `udp and src port ${CLIENT_PORT} and ${joined}`,
    ),
    'TCP written': await Capture.start(lab, server.namespace, server.name, `tcp and ${fromClient}`),
    'UDP written': await Capture.start(lab, server.namespace, server.name, `udp and ${fromClient}`),
  };
  await action();
  for (const capture of Object.values(captures)) await capture.stop();
  return new Set(PLACES.filter((place) => captures[place].packets().length > 0));
}

async function startOurs(lab: Lab, env: Environment): Promise<Ends> {
  const [clientEnd, serverEnd] = await lab.link(
    await lab.namespace('client'),
    await lab.namespace('server'),
  );
  const target = endpoint(serverEnd.v4, PORT);
  return {
    ...(await startOwnPair(lab, clientEnd, serverEnd, { endpoint: target, env })),
    clientEnd,
  };
}

describeSystem('a tunnel between two wg-ts', [...TUNNEL, 'tcpdump', 'nstat', 'compiler'], () => {
  labTest(
    'joins packets everywhere',
    async ({ lab }) => {
      const ends = await startOurs(lab, {});
      const seen = await placesWithJoined(lab, ends, () => expectWorks(lab, ends));
      const expected = PLACES.filter((place) => hasUdpOffloads() || !/UDP/.test(place));
      expect([...seen]).toEqual(expected);
    },
    TEST_MS,
  );

  for (const [name, places] of [...Object.entries(OFFLOADS), [ALL, PLACES] as const])
    labTest(
      `works without ${name}, which is then not used`,
      async ({ lab }) => {
        const ends = await startOurs(lab, { WG_TS_NATIVE_WITHOUT: name });
        const seen = await placesWithJoined(lab, ends, () => expectWorks(lab, ends));
        expect(places.filter((place) => seen.has(place))).toEqual([]);
      },
      TEST_MS,
    );

  for (const workers of ['1', '2', '4'])
    labTest(
      `works with ${workers} workers`,
      async ({ lab }) => {
        const ends = await startOurs(lab, { WG_TS_WORKERS: workers });
        const { namespace, name } = ends.client;
        const queues = await namespace.mustRun(['ls', `/sys/class/net/${name}/queues`]);
        expect(queues.match(/^rx-/gm)).toHaveLength(Number(workers));
        await expectWorks(lab, ends);
      },
      TEST_MS,
    );
});

describeSystem('a tunnel to wireguard-go', [...TUNNEL, 'nstat', 'compiler'], () => {
  const environments: readonly Environment[] = [
    ...Object.keys(OFFLOADS).map((name) => ({ WG_TS_NATIVE_WITHOUT: name })),
    { WG_TS_NATIVE_WITHOUT: ALL },
    ...['1', '2', '4'].map((workers) => ({ WG_TS_WORKERS: workers })),
  ];
  for (const env of environments)
    labTest(
      `works with ${Object.entries(env).join().replace(',', '=')}`,
      async ({ lab }) => {
        await expectWorks(lab, await startPair(lab, { env }));
      },
      TEST_MS,
    );
});
