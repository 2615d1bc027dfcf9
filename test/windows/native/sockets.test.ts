/** The native plane on Windows goes on with other sockets. */
import { expect, it, onTestFinished } from 'vitest';
import type { UdpQueues } from '../../../udp/transport.js';
import { openWinsockQueues } from '../../../udp/windows/winsock.js';
import { ipPacket } from '../../support/packets.js';
import { until } from '../../support/waiting.js';
import { OURS, openSession, statisticsOf, THEIRS } from './setup.js';

const LOOPBACK = { ipv4Address: '127.0.0.1', ipv6: false };
/** Of the loopback interface. */
const INDEX = 1;
const OUT = ipPacket(OURS, THEIRS, 'out');
const IN = ipPacket(THEIRS, OURS, 'in');

/** The next one to open it finds it free. */
async function takePort(port: number): Promise<void> {
  const udp = await openWinsockQueues({ ...LOOPBACK, port });
  await udp.close();
}

it('within its session, both ways, and the former port is free', async () => {
  const session = await openSession();
  const { plane, system, remote, udp } = session;
  system.inject(OUT);
  await remote.datagrams(1);
  const next = await plane.listen(0);
  await takePort(udp.port);
  system.inject(OUT);
  await remote.datagrams(2);
  expect(remote.sources).toEqual([udp.port, next]);
  remote.sealAndSend(IN);
  await until('it is written', () => system.received.length === 1);
  expect(system.received).toEqual([IN]);
});

it('any number of times, while packets come', async () => {
  const session = await openSession();
  const { plane, system, remote } = session;
  const ports = [session.port];
  for (let i = 0; i < 5; i++) {
    for (let n = 0; n < 20; n++) system.inject(OUT);
    ports.push(await plane.listen(0));
  }
  await until('all are opened', () => remote.packets.length === 100);
  system.inject(OUT);
  await until('the last one is opened', () => remote.packets.length === 101);
  expect(remote.sources.at(-1)).toBe(ports.at(-1));
  expect(ports).toEqual(expect.arrayContaining([...new Set(remote.sources)]));
});

it('before it is started', async () => {
  const session = await openSession({ isStarted: false });
  const next = await session.plane.listen(0);
  session.plane.start();
  session.system.inject(OUT);
  await session.remote.datagrams(1);
  expect(session.remote.sources).toEqual([next]);
});

it('that are bound as those before were, or send nothing as those', async () => {
  const bound: string[] = [];
  const session = await openSession({
    async open() {
      const next = await openWinsockQueues(LOOPBACK);
      return {
        ...next,
        bindInterface(family, index) {
          bound.push(`IPv${family} ${index}`);
          next.bindInterface(family, index);
        },
      };
    },
  });
  const { plane, system, remote } = session;
  plane.bindInterface?.(4, INDEX);
  const next = await plane.listen(0);
  expect(bound).toEqual([`IPv4 ${INDEX}`]);
  system.inject(OUT);
  await remote.datagrams(1);
  plane.bindInterface?.(4, undefined);
  const last = await plane.listen(0);
  system.inject(OUT);
  await until('it is lost', () => statisticsOf(session).udpSendErrors === 1);
  plane.bindInterface?.(4, INDEX);
  system.inject(OUT);
  await remote.datagrams(2);
  expect(remote.sources).toEqual([next, last]);
});

it('unless they are none, or it has ended', async () => {
  const closed = await openWinsockQueues(LOOPBACK);
  await closed.close();
  let next: UdpQueues = { ...closed, v4: [] };
  const { plane, system, remote, port } = await openSession({ open: async () => next });
  await expect(plane.listen(0)).rejects.toThrow(RangeError);
  next = { ...closed, v4: [-1] };
  await expect(plane.listen(0)).rejects.toThrow('errno');
  system.inject(OUT);
  await remote.datagrams(1);
  expect(remote.sources).toEqual([port]);
  await plane.close();
  next = await openWinsockQueues(LOOPBACK);
  onTestFinished(() => next.close());
  await expect(plane.listen(0)).rejects.toThrow('has ended');
  await takePort(port);
});
