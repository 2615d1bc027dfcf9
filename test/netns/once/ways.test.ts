import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { eventually } from '../../support/waiting.js';
import { Capture } from '../support/capture.js';
import { type Lab, type LinkEnd, labTest, type Namespace } from '../support/lab.js';
import { describeSystem, isReference, type Need, TUNNEL } from '../support/requirements.js';
import { CLIENT_PORT, endpoint, INNER, PORT, startServer } from '../support/topology.js';
import { ping } from '../support/traffic.js';
import { Client, command, type WireguardGo } from '../support/tunnel.js';

const NEEDS: readonly Need[] = [...TUNNEL, 'tcpdump'];
/** The server’s own address, reached over either of two cables. */
const SERVER = '203.0.113.9';
const MARK = 4321;
/** Pause after which a change begins another burst. */
const BETWEEN_BURSTS = 400;

/** A client with two cables to its server, which it reaches over the first. */
class Site {
  readonly #lab: Lab;
  readonly here: Namespace;
  readonly client: Client;
  readonly server: WireguardGo;
  /** The client's ends and the server's. */
  readonly first: readonly [LinkEnd, LinkEnd];
  readonly second: readonly [LinkEnd, LinkEnd];
  readonly #captures: readonly Capture[];

  private constructor(
    lab: Lab,
    parts: Pick<Site, 'client' | 'server' | 'first' | 'second'> & {
      readonly captures: readonly Capture[];
    },
  ) {
    this.#lab = lab;
    this.client = parts.client;
    this.here = parts.client.namespace;
    this.server = parts.server;
    this.first = parts.first;
    this.second = parts.second;
    this.#captures = parts.captures;
  }

  /** The tunnel is up and has a session. */
  static async build(lab: Lab, interfaceLine = ''): Promise<Site> {
    const [here, there] = [await lab.namespace('client'), await lab.namespace('server')];
    const first = await lab.link(here, there);
    const second = await lab.link(here, there);
    await there.ip(`addr add ${SERVER}/32 dev lo`);
    await here.ip(`route add ${SERVER} via ${first[1].v4}`);
    const { ours, theirs, server } = await startServer(lab, there);
    const text = [
      '[Interface]',
      `PrivateKey = ${ours.privateKey}`,
      `Address = ${INNER.client.v4}/32`,
      `ListenPort = ${CLIENT_PORT}`,
      interfaceLine,
      '[Peer]',
      `PublicKey = ${theirs.publicKey}`,
      `AllowedIPs = ${INNER.server.v4}/32`,
      `Endpoint = ${endpoint(SERVER, PORT)}`,
    ];
    const client = new Client(lab, here, `${text.join('\n')}\n`);
    const captures = [
      await Capture.start(lab, there, first[1].device, 'udp'),
      await Capture.start(lab, there, second[1].device, 'udp'),
    ];
    const site = new Site(lab, { client, server, first, second, captures });
    lab.onClose(async () => void (await here.run(command('down', client.file))));
    await here.mustRun(command('up', '--data-plane', 'portable', '--verbose', client.file));
    await site.expectTraffic();
    return site;
  }

  async expectTraffic(): Promise<void> {
    expect(await ping(this.here, INNER.server.v4)).toMatchObject({ received: 3 });
  }

  /** How many initiations came over the first cable, and over the second. */
  initiations(): number[] {
    return this.#captures.map(
      (capture) =>
        capture.datagrams().filter(({ destinationPort, payload }) => {
          return destinationPort === PORT && payload[0] === 1;
        }).length,
    );
  }

  /** What has been logged of a kind. */
  said(pattern: RegExp): string[] {
    return readFileSync(`/run/wg-ts/${this.client.name}.log`, 'utf8')
      .split('\n')
      .filter((line) => pattern.test(line));
  }

  /** Resolves when the tunnel has reconnected as often since it came up. */
  async reconnected(times: number): Promise<void> {
    await eventually(`reconnected ${times} times`, 60_000, () => {
      return this.said(/reconnecting/).length >= times;
    });
    expect(this.said(/reconnecting/)).toHaveLength(times);
  }

  async lostWay(): Promise<void> {
    await eventually('no way', 60_000, () => this.said(/no way leads to/).length > 0);
  }

  /**
   * Changes the way for good. As changes are noticed in order, no change before it was taken for one
   * when there is one line only.
   */
  async moveToSecond(): Promise<void> {
    await this.here.ip(`route replace ${SERVER} via ${this.second[1].v4}`);
  }

  /** A container with a network of its own, as a container engine starts and removes it. */
  async runContainer(number: number): Promise<void> {
    const container = await this.#lab.namespace(`c${number}`);
    const [bridge, outside, inside] = [`br${number}`, `vo${number}`, `vi${number}`];
    const network = `172.${17 + number}.0`;
    await this.here.ip(`link add ${bridge} type bridge`);
    await this.here.ip(`addr add ${network}.1/16 dev ${bridge}`);
    await this.here.ip(`-6 addr add fd72:${number}::1/64 dev ${bridge}`);
    await this.here.ip(`link set ${bridge} up`);
    await this.here.ip(`link add ${outside} type veth peer name ${inside} netns ${container.name}`);
    await this.here.ip(`link set ${outside} master ${bridge} up`);
    await container.ip(`addr add ${network}.2/16 dev ${inside}`);
    await container.ip(`link set ${inside} up`);
    await container.ip(`route add default via ${network}.1`);
    await sleep(BETWEEN_BURSTS);
    await container.ip(`link del ${inside}`);
    await sleep(BETWEEN_BURSTS);
    await this.here.ip(`link del ${bridge}`);
    await sleep(BETWEEN_BURSTS);
  }
}

const subjectTest = labTest.skipIf(isReference);

describeSystem('changes of the network', NEEDS, () => {
  subjectTest('that concern no endpoint make nobody reconnect', async ({ lab }) => {
    const site = await Site.build(lab);
    const { here, first } = site;
    const before = site.initiations();
    for (let i = 0; i < 40; i++) {
      await here.ip(`route add 10.77.${i}.0/24 via ${first[1].v4} table 77`);
      await sleep(i % 10 === 9 ? BETWEEN_BURSTS : 0);
    }
    for (let i = 0; i < 6; i++) await site.runContainer(i);
    await here.ip('rule add fwmark 999 table 77');
    await here.ip(`route replace ${SERVER} via ${first[1].v4}`);
    await sleep(BETWEEN_BURSTS);
    await here.ip(`route change ${SERVER} via ${first[1].v4} metric 0`);
    await sleep(BETWEEN_BURSTS);
    await site.expectTraffic();
    expect(site.initiations()).toEqual(before);

    await site.moveToSecond();
    await site.reconnected(1);
    await eventually('a handshake there', 60_000, () => (site.initiations()[1] ?? 0) > 0);
    expect(site.initiations()[0]).toBe(before[0]);
    expect(site.said(/network/)).toHaveLength(1);
  });

  const changes: readonly (readonly [string, (site: Site) => Promise<void>])[] = [
    ['another router', (site) => site.moveToSecond()],
    [
      'another source address',
      async ({ here, first }) => {
        await here.ip(`addr add 198.18.1.77/24 dev ${first[0].device}`);
        await here.ip(`route replace ${SERVER} via ${first[1].v4} src 198.18.1.77`);
      },
    ],
    [
      'a source address that was gone',
      async ({ here, first }) => {
        await here.ip(`addr del ${first[0].v4}/24 dev ${first[0].device}`);
        await here.ip(`addr add ${first[0].v4}/24 dev ${first[0].device}`);
        await here.ip(`route replace ${SERVER} via ${first[1].v4}`);
      },
    ],
    [
      'another link',
      async ({ here, first, second }) => {
        await here.ip(`route add ${SERVER} via ${second[1].v4} metric 50`);
        await here.ip(`link set ${first[0].device} down`);
      },
    ],
    [
      'the same link after it was down',
      async ({ here, first }) => {
        await here.ip(`link set ${first[0].device} down`);
        await here.ip(`link set ${first[0].device} up`);
        await here.ip(`route replace ${SERVER} via ${first[1].v4}`);
      },
    ],
    [
      'a link that lost its carrier',
      async (site) => {
        const { namespace, device } = site.first[1];
        await namespace.ip(`link set ${device} down`);
        // The system may keep a shorter loss to itself.
        await site.lostWay();
        await namespace.ip(`link set ${device} up`);
      },
    ],
  ];

  for (const [what, change] of changes)
    subjectTest(`that lead over ${what} make it reconnect once`, async ({ lab }) => {
      const site = await Site.build(lab);
      const before = site.initiations().reduce((sum, count) => sum + count);
      await change(site);
      await site.reconnected(1);
      await eventually('a handshake', 60_000, () => {
        return site.initiations().reduce((sum, count) => sum + count) > before;
      });
      await site.expectTraffic();
      expect(site.said(/reconnecting/)).toHaveLength(1);
    });

  subjectTest('that lead back after there was no way make it reconnect', async ({ lab }) => {
    const site = await Site.build(lab);
    await site.here.ip(`route del ${SERVER}`);
    await site.lostWay();
    expect(site.said(/reconnecting/)).toEqual([]);
    await site.here.ip(`route add ${SERVER} via ${site.first[1].v4}`);
    await site.reconnected(1);
    await site.expectTraffic();
  });

  subjectTest('count by the rules for the tunnel’s firewall mark', async ({ lab }) => {
    const site = await Site.build(lab, `FwMark = ${MARK}`);
    const { here, second } = site;
    await here.ip(`route add ${SERVER} via ${second[1].v4} table 88`);
    await sleep(BETWEEN_BURSTS);
    await here.ip(`rule add fwmark ${MARK + 1} table 88`);
    await sleep(BETWEEN_BURSTS);
    expect(site.initiations()[1]).toBe(0);
    await here.ip(`rule add fwmark ${MARK} table 88`);
    await site.reconnected(1);
    await eventually('a handshake there', 60_000, () => (site.initiations()[1] ?? 0) > 0);
    await site.expectTraffic();
  });

  subjectTest('count for the endpoint to which a peer has roamed', async ({ lab }) => {
    const site = await Site.build(lab);
    const { here, server, client, second } = site;
    const roamed = '203.0.113.10';
    await server.namespace.ip(`addr add ${roamed}/32 dev lo`);
    await here.ip(`route add ${roamed} via ${site.first[1].v4}`);
    const peer = (await client.peer()).publicKey;
    await here.mustRun([
      'wg',
      'set',
      client.name,
      'peer',
      peer,
      'endpoint',
      endpoint(roamed, PORT),
    ]);
    await sleep(BETWEEN_BURSTS);
    await site.moveToSecond();
    await sleep(BETWEEN_BURSTS);
    await here.ip(`route replace ${roamed} via ${second[1].v4}`);
    await site.reconnected(1);
    await site.expectTraffic();
  });
});
