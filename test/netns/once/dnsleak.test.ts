import { expect } from 'vitest';
import { eventually } from '../../support/waiting.js';
import { Capture } from '../support/capture.js';
import {
  type Closed,
  connects,
  killDaemon,
  LAN,
  Leaks,
  makeClosed,
  PUBLIC,
  reaches,
  sendDatagram,
} from '../support/closed.js';
import { type Lab, labTest } from '../support/lab.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';

const DNS = [`DNS = ${PUBLIC.v4}, ${PUBLIC.v6}`];
const TABLE = 'table inet wg-ts-dns-';
const SECONDS = 1000;

/** Ports of the datagrams that the server got by its end of the cable. */
async function asked(lab: Lab, closed: Closed, to: string, ports: number[]): Promise<number[]> {
  const leaks = await Leaks.watch(lab, closed);
  for (const port of ports) await sendDatagram(closed.client.namespace, { to, port });
  // The last one shows that those before it have been seen.
  await sendDatagram(closed.client.namespace, { to: closed.serverEnd.v4, port: 9 });
  const seen = (): number[] => leaks.datagrams().map((line) => Number(line.split(' ').at(-1)));
  await eventually('the last datagram', 20 * SECONDS, () => seen().includes(9));
  await leaks.stop();
  return seen().filter((port) => port !== 9);
}

/** Returns whether a TCP connection to the port was begun on the cable. */
async function knocks(lab: Lab, closed: Closed, to: string, port: number): Promise<boolean> {
  const leaks = await Leaks.watch(lab, closed);
  await connects(closed.client.namespace, to, port);
  // The last one shows that those before it have been seen.
  await sendDatagram(closed.client.namespace, { to: closed.serverEnd.v4, port: 9 });
  await eventually('the last datagram', 20 * SECONDS, () => leaks.datagrams().length > 0);
  await leaks.stop();
  return leaks.seen().length > 1;
}

describeSystem(
  'names with a default route through the tunnel',
  [...TUNNEL, 'tcpdump', 'nft'],
  () => {
    // wg-quick leaves DNS to the resolver.
    const subjectTest = labTest.skipIf(isReference);

    subjectTest('are asked nowhere but through it, until down', async ({ lab }) => {
      // The tunnel's own packets may go to port 53.
      const closed = await makeClosed(lab, { interfaceLines: DNS, serverPort: 53 });
      const { client, server, serverEnd } = closed;
      const before = await client.namespace.snapshot();
      const ports = [53, 853, 5353];
      expect(await asked(lab, closed, serverEnd.v4, ports)).toEqual(ports);

      await client.up();
      expect(await reaches(client.namespace, PUBLIC.v4)).toBe(true);
      expect(await asked(lab, closed, serverEnd.v4, ports)).toEqual([5353]);
      expect(await asked(lab, closed, serverEnd.v6, ports)).toEqual([5353]);
      expect(await knocks(lab, closed, serverEnd.v4, 53)).toBe(false);
      expect(await knocks(lab, closed, serverEnd.v4, 853)).toBe(false);
      expect(await knocks(lab, closed, serverEnd.v4, 80)).toBe(true);

      for (const [namespace, device] of [
        [server.namespace, server.name],
        [client.namespace, 'lo'],
      ] as const) {
        const questions = await Capture.start(lab, namespace, device, 'udp port 53');
        const to = device === 'lo' ? '127.0.0.53' : PUBLIC.v4;
        await sendDatagram(client.namespace, { to, port: 53 });
        await eventually(
          `a question by ${device}`,
          20 * SECONDS,
          () => questions.datagrams().length > 0,
        );
        await questions.stop();
      }

      await client.down();
      expect(await client.namespace.snapshot()).toBe(before);
      expect(await asked(lab, closed, serverEnd.v4, ports)).toEqual(ports);
    });

    subjectTest(
      'may be asked of a server on the local network that was chosen',
      async ({ lab }) => {
        const closed = await makeClosed(lab, { interfaceLines: [`DNS = ${LAN.server}`] });
        const up = await closed.client.tryUp();
        expect(up.stderr).toContain(`DNS ${LAN.server} is on the local network`);
        expect(await asked(lab, closed, LAN.server, [53])).toEqual([53]);
        expect(await asked(lab, closed, closed.serverEnd.v4, [53])).toEqual([]);
        await closed.client.down();
      },
    );

    subjectTest('may be asked in networks that are left out', async ({ lab }) => {
      const closed = await makeClosed(lab, {
        interfaceLines: DNS,
        peerLines: ['ExcludedIPs = lan'],
      });
      await closed.client.up();
      expect(await asked(lab, closed, LAN.server, [53])).toEqual([53]);
      expect(await asked(lab, closed, closed.serverEnd.v4, [53])).toEqual([]);
      await closed.client.down();
    });

    subjectTest('are asked as before when the tunnel was killed and is down', async ({ lab }) => {
      const closed = await makeClosed(lab, { interfaceLines: DNS });
      const { client } = closed;
      const before = await client.namespace.snapshot();
      await client.up();
      await killDaemon(closed);
      expect(await client.namespace.snapshot()).toContain(TABLE);
      expect(await client.tryDown()).toMatchObject({ code: 0 });
      expect(await client.namespace.snapshot()).toBe(before);
    });

    subjectTest('are left alone without DNS servers', async ({ lab }) => {
      const { client } = await makeClosed(lab);
      await client.up();
      expect(await client.namespace.snapshot()).not.toContain(TABLE);
      await client.down();
    });

    subjectTest('are left alone without a default route', async ({ lab }) => {
      const allowedIps = `${PUBLIC.v4}/32, ${PUBLIC.v6}/128`;
      const { client } = await makeClosed(lab, { interfaceLines: DNS, allowedIps });
      await client.up();
      expect(await client.namespace.snapshot()).not.toContain(TABLE);
      await client.down();
    });
  },
);
