import { expect } from 'vitest';
import { eventually } from '../../support/waiting.js';
import { Capture, type CapturedDatagram } from '../support/capture.js';
import {
  type Closed,
  type ClosedOptions,
  connects,
  LAN,
  makeClosed,
  PUBLIC,
  reaches,
  sendDatagram,
  useNameServer,
} from '../support/closed.js';
import { Hosts } from '../support/hosts.js';
import { type Lab, labTest } from '../support/lab.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import { endpoint, PORT } from '../support/topology.js';
import { pingUntilAnswered } from '../support/traffic.js';
import { type Client, command } from '../support/tunnel.js';
import { NameServer, type Zone } from '../support/zoneserver.js';

const NAME = 'vpn.example.com';
/** Behind the client's router: they are reached by its default route alone. */
const NAME_SERVER = '203.0.113.53';
const DEAD_NAME_SERVER = '203.0.113.54';
const [OLD, NEW] = ['203.0.113.10', '203.0.113.11'] as const;
const FORGED = '203.0.113.66';
const OTHERS_PORT = 5003;
const SECONDS = 1000;

interface Named extends Closed {
  readonly dns: NameServer;
}

interface NamedOptions extends Pick<ClosedOptions, 'interfaceLines' | 'allowedIps'> {
  readonly zone?: Partial<Zone>;
}

/** A client that knows its server by a name, which has the old address. */
async function makeNamed(lab: Lab, { zone, ...options }: NamedOptions = {}): Promise<Named> {
  const closed = await makeClosed(lab, { ...options, host: NAME });
  const { server, client } = closed;
  for (const address of [NAME_SERVER, OLD])
    await server.namespace.ip(`addr add ${address}/32 dev lo`);
  await server.namespace.ip(`route add blackhole ${DEAD_NAME_SERVER}/32`);
  const whole = { names: { [NAME]: [OLD] }, ...zone };
  const dns = await NameServer.start(lab, server.namespace, NAME_SERVER, whole);
  useNameServer(lab, client.namespace, NAME_SERVER);
  return { ...closed, dns };
}

/** The server is somewhere else, and knows nobody any more. */
async function move({ server, dns }: Named, zone: Partial<Zone> = {}): Promise<void> {
  await server.stop();
  await server.namespace.ip(`addr del ${OLD}/32 dev lo`);
  await server.namespace.ip(`route add blackhole ${OLD}/32`);
  await server.namespace.ip(`addr add ${NEW}/32 dev lo`);
  dns.set({ names: { [NAME]: [NEW] }, ...zone });
  await server.start();
}

async function isFoundAgain({ client }: Named): Promise<void> {
  await pingUntilAnswered(client.namespace, PUBLIC.v4, 90 * SECONDS);
  expect((await client.peer()).endpoint).toBe(endpoint(NEW, PORT));
}

const KILL_SWITCH = ['KillSwitch = true'];
const NEEDS = [...TUNNEL, 'tcpdump', 'nft'] as const;

describeSystem('a server whose address changes behind its name', NEEDS, () => {
  const subjectTest = labTest.skipIf(isReference);

  subjectTest.for<[string, NamedOptions]>([
    ['beside a tunnel for some networks', { allowedIps: `${PUBLIC.v4}/32` }],
    ['past a default route', {}],
    ['past the guard of DNS =', { interfaceLines: [`DNS = ${LAN.behind}`] }],
    ['past the kill switch', { interfaceLines: KILL_SWITCH }],
    [
      'past the kill switch without a default route',
      { interfaceLines: KILL_SWITCH, allowedIps: `${PUBLIC.v4}/32` },
    ],
  ])('is found again %s', async ([, options], { lab }) => {
    const named = await makeNamed(lab, options);
    const { client } = named;
    await client.up();
    expect(await reaches(client.namespace, PUBLIC.v4)).toBe(true);
    expect((await client.peer()).endpoint).toBe(endpoint(OLD, PORT));
    await move(named);
    await isFoundAgain(named);
    await client.down();
  });

  subjectTest('is found again over TCP past kill switch and guard', async ({ lab }) => {
    const interfaceLines = [...KILL_SWITCH, `DNS = ${LAN.behind}`];
    const named = await makeNamed(lab, { interfaceLines });
    const { client, dns } = named;
    // As a strict router has it: replies have to come by the way that their mark would take.
    await client.namespace.mustRun(['sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=1']);
    await client.up();
    expect(await reaches(client.namespace, PUBLIC.v4)).toBe(true);
    await move(named, { truncates: true });
    await isFoundAgain(named);
    expect(dns.queries()).toContain(`tcp ${NAME} A`);
    await client.down();
  });
});

/** Queries of others: by root, over UDP from a port that tells them apart, and over TCP. */
async function askUnmarked({ namespace }: Client): Promise<void> {
  for (const to of [NAME_SERVER, DEAD_NAME_SERVER]) {
    await sendDatagram(namespace, { to, from: OTHERS_PORT, port: 53 });
    await connects(namespace, to, 53);
  }
}

/** What leaves by the cable: to name servers, and of the tunnel. */
class Outside {
  readonly #capture: Capture;

  private constructor(capture: Capture) {
    this.#capture = capture;
  }

  static async watch(lab: Lab, { client, clientEnd }: Named): Promise<Outside> {
    const filter = `dst port 53 or udp dst port ${PORT}`;
    return new Outside(await Capture.start(lab, client.namespace, clientEnd.device, filter));
  }

  /** All packets to name servers up to now. */
  async queries({ namespace }: Client): Promise<{ readonly count: number; readonly text: string }> {
    const before = this.#tunnelled();
    // What has left before these has been seen when they are.
    expect(await reaches(namespace, PUBLIC.v4)).toBe(true);
    await eventually('the tunnel’s packets', 20 * SECONDS, () => this.#tunnelled() > before);
    const packets = this.#capture.packets();
    const text = this.datagrams()
      .map(({ payload }) => payload.toString('latin1'))
      .join();
    return { count: packets.length - this.#tunnelled(), text };
  }

  datagrams(): CapturedDatagram[] {
    return this.#capture.datagrams().filter(({ destinationPort }) => destinationPort === 53);
  }

  #tunnelled(): number {
    return this.#capture.datagrams().filter(({ destinationPort }) => destinationPort === PORT)
      .length;
  }

  async stop(): Promise<void> {
    await this.#capture.stop();
  }
}

describeSystem('names behind a closed kill switch', NEEDS, () => {
  const subjectTest = labTest.skipIf(isReference);

  subjectTest('are asked for by the tunnel alone, before it is up and later', async ({ lab }) => {
    const zone = { names: {}, truncates: true };
    const named = await makeNamed(lab, { interfaceLines: KILL_SWITCH, zone });
    const { client, dns } = named;
    const { namespace } = client;
    const before = await namespace.snapshot();
    dns.set({ ...zone, refuses: true });
    const outside = await Outside.watch(lab, named);
    const up = namespace.spawn(command('up', '--foreground', client.file));
    await up.says(/cannot resolve/);
    await askUnmarked(client);
    dns.set({ names: { [NAME]: [OLD] }, truncates: true });
    await up.says(/: up \(pid/);

    const first = await outside.queries(client);
    expect(outside.datagrams().map(({ sourcePort }) => sourcePort)).not.toContain(OTHERS_PORT);
    expect(first.text).toContain('example');
    expect(dns.queries()).toContain(`tcp ${NAME} A`);
    await askUnmarked(client);
    expect(await outside.queries(client)).toEqual(first);
    await outside.stop();
    await up.stop('SIGINT');
    expect(await namespace.snapshot()).toBe(before);
  });

  subjectTest('are those of /etc/hosts first', async ({ lab }) => {
    const zone = { names: { [NAME]: [NEW] } };
    const named = await makeNamed(lab, { interfaceLines: KILL_SWITCH, zone });
    const { client, dns } = named;
    new Hosts(lab, client.namespace, { [NAME.toUpperCase()]: [OLD] });
    await client.up();
    expect((await client.peer()).endpoint).toBe(endpoint(OLD, PORT));
    expect(dns.queries()).toEqual([]);
    await client.down();
  });

  subjectTest('are not what forgers say', async ({ lab }) => {
    const zone = { forged: FORGED };
    const { client } = await makeNamed(lab, { interfaceLines: KILL_SWITCH, zone });
    await client.up();
    expect((await client.peer()).endpoint).toBe(endpoint(OLD, PORT));
    await client.down();
  });

  subjectTest('are asked of the next server when one is dead', async ({ lab }) => {
    const { client } = await makeNamed(lab, { interfaceLines: KILL_SWITCH });
    useNameServer(lab, client.namespace, DEAD_NAME_SERVER, NAME_SERVER);
    await client.up();
    expect((await client.peer()).endpoint).toBe(endpoint(OLD, PORT));
    await client.down();
  });

  subjectTest('that do not exist are told at once', async ({ lab }) => {
    const zone = { names: {} };
    const { client, dns } = await makeNamed(lab, { interfaceLines: KILL_SWITCH, zone });
    const before = await client.namespace.snapshot();
    expect(await client.tryUp()).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`cannot resolve the Endpoint ${NAME}: no such name`),
    });
    expect(dns.queries().toSorted()).toEqual([`udp ${NAME} A`, `udp ${NAME} AAAA`]);
    expect(await client.namespace.snapshot()).toBe(before);
  });
});
