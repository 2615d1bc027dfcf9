import { expect } from 'vitest';
import { eventually } from '../../support/waiting.js';
import {
  type Closed,
  dnsServer,
  killDaemon,
  LAN,
  Leaks,
  makeClosed,
  PUBLIC,
  reaches,
  sendDatagram,
  useNameServer,
} from '../support/closed.js';
import { labTest } from '../support/lab.js';
import type { Running } from '../support/process.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import { makeRouter, PORT } from '../support/topology.js';
import { command } from '../support/tunnel.js';

const KILL_SWITCH = ['KillSwitch = true'];
const SECONDS = 1000;
/** How long what should not be answered is waited for. */
const IN_VAIN_SECONDS = 1;

/** What must stay on the machine, or go through the tunnel, whatever state that is in. */
async function tryToLeak({ client, serverEnd }: Closed): Promise<void> {
  const { namespace } = client;
  const pings = [PUBLIC.v4, PUBLIC.v6, serverEnd.v4, serverEnd.v6, LAN.server].map((address) =>
    reaches(namespace, address, IN_VAIN_SECONDS),
  );
  // The tunnel's mark does not let out what is not UDP.
  const marked = namespace.run(['ping', '-n', '-m', '51820', '-c', '1', '-W', '1', serverEnd.v4]);
  await Promise.all([...pings, marked]);
  await sendDatagram(namespace, { to: serverEnd.v4, port: PORT });
  await sendDatagram(namespace, { to: serverEnd.v4, port: 53 });
  await sendDatagram(namespace, { to: serverEnd.v4, port: 67 });
}

describeSystem('the kill switch', [...TUNNEL, 'tcpdump', 'nft'], () => {
  // wg-quick has nothing of the kind.
  const subjectTest = labTest.skipIf(isReference);

  for (const outer of ['v4', 'v6'] as const)
    subjectTest(
      `lets nothing past the tunnel: up, without its peer, and killed; until down: over ${outer}`,
      async ({ lab }) => {
        const closed = await makeClosed(lab, { interfaceLines: KILL_SWITCH, outer });
        const { client, server, clientEnd } = closed;
        const before = await client.namespace.snapshot();
        expect(await reaches(client.namespace, PUBLIC.v4)).toBe(true);

        const leaks = await Leaks.watch(lab, closed);
        await client.up();
        await tryToLeak(closed);
        for (const family of ['v4', 'v6'] as const)
          expect(await reaches(client.namespace, PUBLIC[family])).toBe(true);
        await expect.poll(() => leaks.tunnelled(), { timeout: 10 * SECONDS }).toBeGreaterThan(4);
        // The neighbour has to be found again.
        await client.namespace.ip(`-${outer.slice(1)} neigh flush dev ${clientEnd.device}`);
        expect(await reaches(client.namespace, PUBLIC.v4)).toBe(true);
        expect(await reaches(client.namespace, '127.0.0.1')).toBe(true);
        expect(await reaches(client.namespace, '::1')).toBe(true);

        await server.stop();
        await tryToLeak(closed);
        await killDaemon(closed);
        await tryToLeak(closed);
        expect(leaks.seen()).toEqual([]);

        expect(await client.tryDown()).toMatchObject({ code: 0 });
        expect(await client.namespace.snapshot()).toBe(before);
        expect(await reaches(client.namespace, PUBLIC.v4)).toBe(true);
        await expect.poll(() => leaks.seen(), { timeout: 10 * SECONDS }).not.toEqual([]);
        await leaks.stop();
      },
    );

  subjectTest('is gone after down', async ({ lab }) => {
    const closed = await makeClosed(lab, { interfaceLines: KILL_SWITCH });
    const before = await closed.client.namespace.snapshot();
    await closed.client.up();
    expect(await closed.client.namespace.snapshot()).toContain('wg-ts-kill-');
    await closed.client.down();
    expect(await closed.client.namespace.snapshot()).toBe(before);
    expect(lab.traces().filter((file) => file.includes(closed.client.name))).toEqual([]);
  });

  subjectTest('works for a tunnel without a default route too', async ({ lab }) => {
    const closed = await makeClosed(lab, { allowedIps: `${PUBLIC.v4}/32` });
    const { client } = closed;
    const leaks = await Leaks.watch(lab, closed);
    const up = await client.namespace.run(command('up', '--kill-switch', client.file));
    expect(up).toMatchObject({ code: 0 });
    expect(await reaches(client.namespace, PUBLIC.v4)).toBe(true);
    expect(await reaches(client.namespace, PUBLIC.v6, IN_VAIN_SECONDS)).toBe(false);
    expect(leaks.seen()).toEqual([]);
    await client.down();
  });

  subjectTest('lets DHCP pass', async ({ lab }) => {
    const closed = await makeClosed(lab, { interfaceLines: KILL_SWITCH });
    const { client, serverEnd, clientEnd } = closed;
    await client.up();
    const leaks = await Leaks.watch(lab, closed);
    await sendDatagram(client.namespace, { to: serverEnd.v4, from: 68, port: 67 });
    const linkLocal = `ff02::1:2%${clientEnd.device}`;
    await sendDatagram(client.namespace, { to: linkLocal, from: 546, port: 547 });
    await sendDatagram(client.namespace, { to: serverEnd.v4, from: 69, port: 67 });
    await sendDatagram(client.namespace, { to: linkLocal, from: 545, port: 547 });
    await eventually('both requests', 20 * SECONDS, () => leaks.datagrams().length >= 2);
    expect(leaks.datagrams().toSorted()).toEqual(['546 > 547', '68 > 67']);
  });

  subjectTest('holds for forwarded packets', async ({ lab }) => {
    const closed = await makeClosed(lab, {
      interfaceLines: KILL_SWITCH,
      behindClient: ['198.18.2.0/24'],
    });
    const { client, serverEnd } = closed;
    const guest = await lab.namespace('guest');
    const [, guestEnd] = await lab.link(client.namespace, guest);
    await guest.ip('route add default via 198.18.2.1');
    await makeRouter(client.namespace);
    const leaks = await Leaks.watch(lab, closed);
    await client.up();
    expect(await reaches(guest, PUBLIC.v4)).toBe(true);
    expect(await reaches(guest, serverEnd.v4, IN_VAIN_SECONDS)).toBe(false);
    await killDaemon(closed);
    expect(await reaches(guest, PUBLIC.v4, IN_VAIN_SECONDS)).toBe(false);
    expect(await reaches(client.namespace, guestEnd.v4, IN_VAIN_SECONDS)).toBe(false);
    expect(leaks.seen()).toEqual([]);
    await client.down();
  });

  subjectTest('of a killed process stays closed until up has its own', async ({ lab }) => {
    const host = 'vpn.example.com';
    const closed = await makeClosed(lab, { interfaceLines: KILL_SWITCH, host });
    const { client, serverEnd } = closed;
    useNameServer(lab, client.namespace, serverEnd.v4);
    const before = await client.namespace.snapshot();
    let dns = await startDns(closed);
    await client.up();
    await dns.stop();
    await killDaemon(closed);

    const leaks = await Leaks.watch(lab, closed);
    const up = client.namespace.spawn(command('up', '--foreground', client.file));
    await up.says(/cannot resolve/);
    await tryToLeak(closed);
    await sendDatagram(client.namespace, { to: serverEnd.v4, from: 5003, port: 53 });
    await sendDatagram(client.namespace, { to: LAN.server, from: 5002, port: 53 });
    const portsSeen = () => new Set(leaks.datagrams().map((line) => line.split(' ').at(-1)));
    await expect.poll(portsSeen, { timeout: 10 * SECONDS }).toEqual(new Set(['53']));
    expect(leaks.datagrams().filter((line) => line.startsWith('500'))).toEqual([]);
    await leaks.stop();

    dns = await startDns(closed);
    await up.says(/: up \(pid/, 30 * SECONDS);
    await dns.stop();
    const after = await Leaks.watch(lab, closed);
    await sendDatagram(client.namespace, { to: serverEnd.v4, port: 53 });
    expect(await reaches(client.namespace, PUBLIC.v4)).toBe(true);
    expect(after.seen()).toEqual([]);
    await up.stop('SIGINT');
    expect(await client.namespace.snapshot()).toBe(before);
  });

  subjectTest('of a killed process outlives an up that fails', async ({ lab }) => {
    const host = 'vpn.example.com';
    const closed = await makeClosed(lab, { interfaceLines: KILL_SWITCH, host });
    const { client, serverEnd } = closed;
    useNameServer(lab, client.namespace, serverEnd.v4);
    const before = await client.namespace.snapshot();
    const once = { WG_ENDPOINT_RESOLUTION_RETRIES: '0' };
    // The first one leaves nothing.
    expect((await client.tryUp(once)).code).toBe(1);
    expect(await client.namespace.snapshot()).toBe(before);

    const dns = await startDns(closed);
    await client.up();
    await dns.stop();
    await killDaemon(closed);
    const failed = await client.tryUp(once);
    expect(failed).toMatchObject({ code: 1 });
    expect(failed.stderr).toContain('the kill switch stays');
    const leaks = await Leaks.watch(lab, closed);
    await tryToLeak(closed);
    expect(leaks.seen()).toEqual([]);

    expect(await client.tryDown()).toMatchObject({ code: 0 });
    expect(await client.namespace.snapshot()).toBe(before);
  });

  subjectTest('stays when the interface is taken away', async ({ lab }) => {
    const closed = await makeClosed(lab, { interfaceLines: KILL_SWITCH });
    const { client } = closed;
    const before = await client.namespace.snapshot();
    await client.up();
    const leaks = await Leaks.watch(lab, closed);
    await client.namespace.ip(`link delete ${client.name}`);
    await eventually('the end of the daemon', 10 * SECONDS, async () => {
      return (await client.daemons()).length === 0;
    });
    await tryToLeak(closed);
    expect(leaks.seen()).toEqual([]);
    expect(await client.tryDown()).toMatchObject({ code: 0 });
    expect(await client.namespace.snapshot()).toBe(before);
  });
});

async function startDns({ server, serverEnd }: Closed): Promise<Running> {
  const running = server.namespace.spawn([process.execPath, '-e', dnsServer(serverEnd.v4)]);
  await running.says(/answering/);
  return running;
}
