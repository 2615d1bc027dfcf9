import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { libc } from '../../system/linux/libc.js';
import { canSegment, SendQueue } from '../../udp/linux/sendqueue.js';
import { isMmsgSupported, openMmsgUdp } from '../../udp/linux/sockets.js';
import { until } from '../support/waiting.js';

const LOOPBACK = { ipv4Address: '127.0.0.1', ipv6: false };
const linuxOnly = isMmsgSupported();
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe.skipIf(!linuxOnly)('runs of datagrams of one size (Linux only)', () => {
  const SIZES = [
    ...Array.from({ length: 70 }, () => 1452),
    700,
    700,
    100,
    1452,
    32,
    32,
    1452,
    1452,
  ];

  async function receiver(): Promise<{ port: number; seen: Buffer[] }> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    cleanups.push(() => socket.close());
    const seen: Buffer[] = [];
    socket.on('message', (datagram) => seen.push(datagram));
    return { port: socket.address().port, seen };
  }

  function numbered(): Buffer[] {
    return SIZES.map((size, i) => Buffer.alloc(size, i + 1));
  }

  it('arrive one by one and in order at a socket that knows nothing of runs', async () => {
    const { port, seen } = await receiver();
    const transport = await openMmsgUdp(LOOPBACK);
    cleanups.push(() => transport.close());
    for (const datagram of numbered()) transport.send(datagram, { address: '127.0.0.1', port });
    await until('all datagrams', () => seen.length === SIZES.length);
    expect(seen).toEqual(numbered());
  });

  it('are not mixed with those to another port', async () => {
    const [a, b] = [await receiver(), await receiver()];
    const transport = await openMmsgUdp(LOOPBACK);
    cleanups.push(() => transport.close());
    for (const [i, datagram] of numbered().entries())
      transport.send(datagram, { address: '127.0.0.1', port: (i & 4 ? a : b).port });
    await until('all datagrams', () => a.seen.length + b.seen.length === SIZES.length);
    expect(a.seen).toEqual(numbered().filter((_, i) => i & 4));
    expect(b.seen).toEqual(numbered().filter((_, i) => !(i & 4)));
  });

  it('are made only by a socket that knows UDP_SEGMENT', () => {
    const [AF_UNIX, AF_INET, SOCK_DGRAM] = [1, 2, 2];
    const open = (family: number): number => {
      const fd = libc().socket(family, SOCK_DGRAM, 0);
      cleanups.push(() => closeSync(fd));
      return fd;
    };
    expect(canSegment(open(AF_INET))).toBe(true);
    expect(canSegment(open(AF_UNIX))).toBe(false);
  });

  it('are sent singly where the system refuses to cut them', async () => {
    const { port, seen } = await receiver();
    const { socket, setsockopt } = libc();
    const fd = socket(2, 2, 0);
    cleanups.push(() => closeSync(fd));
    // A socket that sends no checksums (SO_NO_CHECK) cannot have its datagrams cut by the system.
    setsockopt(fd, 1, 11, new Uint8Array([1, 0, 0, 0]), 4);
    const failures: string[] = [];
    const queue = new SendQueue(fd, (reason) => failures.push(reason));
    for (const datagram of numbered()) queue.push(datagram, { address: '127.0.0.1', port });
    queue.flush();
    await until('all datagrams', () => seen.length === SIZES.length);
    expect(seen).toEqual(numbered());
    expect(failures).toEqual([]);
  });
});
