import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Endpoint } from '../../protocol/dataplane.js';
import { libc } from '../../system/linux/libc.js';
import { decodeSockaddr, encodeSockaddr } from '../../system/sockaddr.js';
import { openDgramUdp } from '../../udp/dgram.js';
import { Layout } from '../../udp/linux/messages.js';
import { isMmsgSupported, openMmsgUdp } from '../../udp/linux/sockets.js';
import { openUdp, type UdpError, type UdpOptions, type UdpSockets } from '../../udp/open.js';
import { openSamePort, portInUse } from '../../udp/transport.js';
import { until } from '../support/waiting.js';

const LOOPBACK = { ipv4Address: '127.0.0.1', ipv6Address: '::1' };
const linuxOnly = isMmsgSupported();
const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
);
const LOOPBACKS = [...(hasIpv6 ? ['::1'] : []), '127.0.0.1'];

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Inbox {
  readonly datagrams: { text: string; length: number; from: Endpoint }[];
  readonly errors: string[];
  batches: number;
}

function listen(transport: UdpSockets): Inbox {
  const inbox: Inbox = { datagrams: [], errors: [], batches: 0 };
  transport.start({
    onDatagram(bytes, from) {
      const text = Buffer.from(bytes.subarray(0, 16)).toString();
      inbox.datagrams.push({ text, length: bytes.length, from });
    },
    onBatchEnd() {
      inbox.batches++;
    },
    onSendError(error: UdpError) {
      inbox.errors.push(`${error.code} ${error.reason}`);
    },
  });
  return inbox;
}

async function plainSocket(type: 'udp4' | 'udp6', port = 0): Promise<Socket> {
  const socket = createSocket({ type, ipv6Only: type === 'udp6' });
  socket.bind(port, type === 'udp4' ? '127.0.0.1' : '::1');
  await once(socket, 'listening');
  cleanups.push(() => socket.close());
  return socket;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const implementations = [
  { name: 'dgram', open: openDgramUdp, skip: false },
  { name: 'mmsg (Linux only)', open: openMmsgUdp, skip: !linuxOnly },
];

for (const { name, open, skip } of implementations)
  describe.skipIf(skip)(`UDP by ${name}`, () => {
    async function opened(options: UdpOptions = {}): Promise<UdpSockets> {
      const transport = await open({ ...LOOPBACK, ...options });
      cleanups.push(() => transport.close());
      return transport;
    }

    it.each(LOOPBACKS)('carries datagrams both ways over %s', async (address) => {
      const a = await opened();
      const b = await opened();
      const atA = listen(a);
      const atB = listen(b);
      a.send(bytes('there'), { address, port: b.port });
      await until('the datagram', () => atB.datagrams.length === 1);
      expect(atB.datagrams[0]).toEqual({
        text: 'there',
        length: 5,
        from: { address, port: a.port },
      });
      b.send(bytes('back'), atB.datagrams[0]?.from ?? { address: '', port: 0 });
      await until('the answer', () => atA.datagrams.length === 1);
      expect(atA.datagrams[0]).toMatchObject({ text: 'back', from: { address, port: b.port } });
      expect(atA.batches).toBe(1);
    });

    it.skipIf(!hasIpv6)('has one port for both families (needs IPv6)', async () => {
      const transport = await opened();
      const inbox = listen(transport);
      expect(transport.port).toBeGreaterThan(0);
      expect(transport.hasIpv6).toBe(true);
      const { port } = transport;
      (await plainSocket('udp4')).send('four', port, '127.0.0.1');
      (await plainSocket('udp6')).send('six', port, '::1');
      await until('both datagrams', () => inbox.datagrams.length === 2);
      expect(inbox.datagrams.map(({ text }) => text).sort()).toEqual(['four', 'six']);
    });

    it('uses the port that it is given', async () => {
      const first = await opened();
      const { port } = first;
      await first.close();
      expect((await opened({ port })).port).toBe(port);
    });

    it.skipIf(!hasIpv6).each(['udp4', 'udp6'] as const)(
      'names a port that is in use by %s (needs IPv6)',
      async (type) => {
        const { port } = (await plainSocket(type)).address();
        await expect(opened({ port })).rejects.toMatchObject({
          name: 'UdpError',
          code: 'ERR_PORT_IN_USE',
          message: expect.stringContaining(String(port)),
        });
        const other = type === 'udp4' ? 'udp6' : 'udp4';
        await expect(plainSocket(other, port)).resolves.toBeDefined();
      },
    );

    it('does without IPv6 when asked to', async () => {
      const transport = await opened({ ipv6: false });
      const inbox = listen(transport);
      expect(transport.hasIpv6).toBe(false);
      transport.send(bytes('x'), { address: '::1', port: 9 });
      expect(inbox.errors).toEqual(['ERR_SEND EAFNOSUPPORT']);
    });

    it('does without IPv6 and says so when its address is not there', async () => {
      const notes: string[] = [];
      // The documentation prefix of RFC 3849 is on no machine.
      const transport = await opened({
        ipv6Address: '2001:db8::1',
        onDebug: (note) => notes.push(note),
      });
      expect(transport.hasIpv6).toBe(false);
      expect(notes).toEqual([expect.stringContaining('EADDRNOTAVAIL')]);
    });

    it('reports a datagram that is too long, and sends what is around it', async () => {
      const a = await opened();
      const b = await opened();
      const atA = listen(a);
      const atB = listen(b);
      const to = { address: '127.0.0.1', port: b.port };
      a.send(bytes('before'), to);
      a.send(new Uint8Array(65_530), to);
      a.send(new Uint8Array(70_000), to);
      a.send(bytes('after'), to);
      await until('all outcomes', () => atB.datagrams.length === 2 && atA.errors.length === 2);
      expect(atB.datagrams.map(({ text }) => text)).toEqual(['before', 'after']);
      expect(atA.errors).toEqual(['ERR_SEND EMSGSIZE', 'ERR_SEND EMSGSIZE']);
      expect(a.counters.sendErrors).toBe(2);
    });

    it('receives the longest datagram and the empty one', async () => {
      const transport = await opened();
      const inbox = listen(transport);
      const sender = await plainSocket('udp4');
      sender.send(new Uint8Array(65_507), transport.port, '127.0.0.1');
      sender.send('', transport.port, '127.0.0.1');
      sender.send('alive', transport.port, '127.0.0.1');
      await until('all datagrams', () => inbox.datagrams.length === 3);
      expect(inbox.datagrams.map(({ length }) => length)).toEqual([65_507, 0, 5]);
    });

    it.each([
      ['not an address', 'example.invalid', 9],
      ['nobody listens there', '127.0.0.1', 1],
      ['port 0', '127.0.0.1', 0],
      ['no such zone', 'fe80::1%nosuchif0', 9],
      ['a broadcast address', '255.255.255.255', 9],
    ])('goes on after a send that is impossible: %s', async (_why, address, port) => {
      const transport = await opened();
      const inbox = listen(transport);
      expect(() => transport.send(bytes('lost'), { address, port })).not.toThrow();
      await delay(10);
      transport.send(bytes('found'), { address: '127.0.0.1', port: transport.port });
      await until('the next datagram', () => inbox.datagrams.length === 1);
      expect(inbox.datagrams[0]?.text).toBe('found');
    });

    it('lets the caller reuse its buffer at once', async () => {
      const transport = await opened();
      const inbox = listen(transport);
      const buffer = bytes('0');
      for (let n = 0; n < 10; n++) {
        buffer[0] = 48 + n;
        transport.send(buffer, { address: '127.0.0.1', port: transport.port });
      }
      buffer.fill(0);
      await until('all datagrams', () => inbox.datagrams.length === 10);
      expect(inbox.datagrams.map(({ text }) => text).join('')).toBe('0123456789');
    });

    it('keeps many datagrams of many sizes and sources apart', async () => {
      const a = await opened();
      const b = await opened();
      const target = await opened();
      const inbox = listen(target);
      const sent: string[] = [];
      for (let n = 0; n < 300; n++) {
        const from = n % 4 < 2 ? a : b;
        const address = LOOPBACKS[n % LOOPBACKS.length] ?? '';
        const datagram = new Uint8Array(16 + ((n * 37) % 1400));
        datagram.set(bytes(String(n).padStart(16)));
        from.send(datagram, { address, port: target.port });
        sent.push(`${String(n).padStart(16)} ${datagram.length} ${address} ${from.port}`);
      }
      await until('all datagrams', () => inbox.datagrams.length === 300);
      const received = inbox.datagrams.map(
        ({ text, length, from }) => `${text} ${length} ${from.address} ${from.port}`,
      );
      expect(received.sort()).toEqual(sent.sort());
      expect(inbox.batches).toBeGreaterThan(0);
    });

    it('sends large datagrams in a row', async () => {
      const a = await opened();
      const b = await opened();
      const inbox = listen(b);
      listen(a);
      const texts = ['first', 'second', 'third', 'fourth', 'fifth'];
      for (const text of texts) {
        const datagram = new Uint8Array(60_000);
        datagram.set(bytes(text.padEnd(16)));
        a.send(datagram, { address: '127.0.0.1', port: b.port });
      }
      await until('all datagrams', () => inbox.datagrams.length === 5);
      expect(inbox.datagrams.map(({ text }) => text.trim())).toEqual(texts);
      expect(a.counters.sendErrors).toBe(0);
    });

    it.skipIf(!hasIpv6)('listens on all addresses by default (needs IPv6)', async () => {
      const transport = await open();
      cleanups.push(() => transport.close());
      const inbox = listen(transport);
      const sender = await opened();
      for (const address of LOOPBACKS) sender.send(bytes('x'), { address, port: transport.port });
      await until('both datagrams', () => inbox.datagrams.length === 2);
      // Not ::ffff:127.0.0.1: the IPv6 socket is for IPv6 alone.
      expect(inbox.datagrams.map(({ from }) => from.address).sort()).toEqual(['127.0.0.1', '::1']);
    });

    it('is silent once closed', async () => {
      const transport = await opened();
      const inbox = listen(transport);
      await transport.close();
      await transport.close();
      transport.send(bytes('late'), { address: '127.0.0.1', port: transport.port });
      expect(inbox).toEqual({ datagrams: [], errors: [], batches: 0 });
    });

    it('may be closed while it delivers', async () => {
      const transport = await opened();
      let count = 0;
      transport.start({
        onDatagram() {
          count++;
          void transport.close();
        },
      });
      const sender = await plainSocket('udp4');
      for (let n = 0; n < 5; n++) sender.send('x', transport.port, '127.0.0.1');
      await until('a datagram', () => count > 0);
      await delay(20);
      expect(count).toBe(1);
    });

    it('cannot be started twice', async () => {
      const transport = await opened();
      listen(transport);
      expect(() => listen(transport)).toThrow('already been started');
    });
  });

describe('firewall marks', () => {
  it.skipIf(!linuxOnly || process.geteuid?.() !== 0)('need Linux and root', async () => {
    const transport = await openMmsgUdp({ ...LOOPBACK, mark: 51820 });
    cleanups.push(() => transport.close());
    expect(() => transport.setMark(7)).not.toThrow();
  });

  it('are refused by the portable transport', async () => {
    await expect(openDgramUdp({ mark: 5 })).rejects.toMatchObject({ code: 'ERR_MARK' });
    const transport = await openDgramUdp(LOOPBACK);
    cleanups.push(() => transport.close());
    expect(() => transport.setMark(0)).not.toThrow();
    expect(() => transport.setMark(5)).toThrow(expect.objectContaining({ code: 'ERR_MARK' }));
  });
});

describe('the port of both families', () => {
  const closed: number[] = [];
  const close = ({ port }: { port: number }): unknown => closed.push(port);

  it('is chosen anew when it is taken in the other family', async () => {
    closed.length = 0;
    let next = 1000;
    const open4 = async (): Promise<{ port: number }> => ({ port: next++ });
    const open6 = async (port: number): Promise<{ port: number }> => {
      if (port < 1003) throw portInUse(port);
      return { port };
    };
    const pair = await openSamePort(0, open4, open6, close);
    expect(pair).toEqual([{ port: 1003 }, { port: 1003 }]);
    expect(closed).toEqual([1000, 1001, 1002]);
  });

  it('is given up after some tries, and at once when it was asked for', async () => {
    const taken = async (port: number): Promise<undefined> => {
      throw portInUse(port);
    };
    for (const [wanted, tries] of [
      [0, 10],
      [5, 1],
    ] as const) {
      closed.length = 0;
      const open4 = async (): Promise<{ port: number }> => ({ port: 5 });
      await expect(openSamePort(wanted, open4, taken, close)).rejects.toMatchObject({
        code: 'ERR_PORT_IN_USE',
      });
      expect(closed).toHaveLength(tries);
    }
  });
});

describe.skipIf(!linuxOnly)('Linux structs', () => {
  it('are laid out as the compiler does', () => {
    const mmsghdr = libc().layout({
      name: 'void *',
      nameLength: 'uint32_t',
      iov: 'void *',
      iovCount: 'size_t',
      control: 'void *',
      controlLength: 'size_t',
      flags: 'int',
      // struct msghdr ends here, padded to its alignment of 8.
      length: [8, 'unsigned int'],
      end: [8, 'void *'],
    });
    expect(mmsghdr.offsets).toMatchObject({
      name: Layout.name,
      nameLength: Layout.nameLength,
      iov: Layout.iov,
      iovCount: Layout.iovCount,
      control: Layout.control,
      controlLength: Layout.controlLength,
      flags: Layout.flags,
      length: Layout.length,
      end: Layout.mmsghdr,
    });
    const cmsghdr = libc().layout({
      length: 'size_t',
      level: 'int',
      type: 'int',
      data: 'uint64_t',
    });
    expect(cmsghdr).toEqual({
      size: Layout.cmsgData + 8,
      offsets: {
        length: Layout.cmsgLength,
        level: Layout.cmsgLevel,
        type: Layout.cmsgType,
        data: Layout.cmsgData,
      },
    });
    const iovec = libc().layout({ base: 'void *', length: 'size_t' });
    expect(iovec).toEqual({
      size: Layout.iovec,
      offsets: { base: Layout.iovBase, length: Layout.iovLength },
    });
  });

  it.each([
    { address: '192.0.2.7', port: 51820 },
    { address: '2001:db8::7', port: 1 },
    { address: 'fe80::7%lo', port: 65_535 },
  ])('hold the address $address', (endpoint) => {
    const encoded = encodeSockaddr(endpoint.address, endpoint.port);
    expect(encoded && decodeSockaddr(encoded)).toEqual(endpoint);
  });

  it('hold a zone given by number', () => {
    const encoded = encodeSockaddr('fe80::7%1', 9);
    expect(encoded && decodeSockaddr(encoded).address).toBe('fe80::7%lo');
  });

  it.each(['', 'host', '1.2.3', '127.0.0.1%lo', 'fe80::1%nosuchif0'])('refuse %j', (text) => {
    expect(encodeSockaddr(text, 9)).toBeUndefined();
  });
});

describe('openUdp', () => {
  it('takes the fastest transport that is available', async () => {
    const transport = await openUdp(LOOPBACK);
    cleanups.push(() => transport.close());
    expect(transport.implementation).toBe(linuxOnly ? 'mmsg' : 'dgram');
  });
});
