import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  connect,
  encodeKey,
  generatePresharedKey,
  MemoryTun,
  type Tunnel,
  type TunnelOptions,
} from '../../src/index.js';
import { ipPacket, payloadText } from '../support/packets.js';
import { waitFor } from '../support/waiting.js';
import { configOf, type Keys, LOOPBACK, newKeys, VirtualClock } from './support.js';

interface End {
  readonly tunnel: Tunnel;
  readonly tun: MemoryTun;
}

const tunnels: Tunnel[] = [];
let keysA: Keys;
let keysB: Keys;

beforeEach(() => {
  [keysA, keysB] = [newKeys(), newKeys()];
});

afterEach(async () => {
  await Promise.all(tunnels.splice(0).map((tunnel) => tunnel.close()));
});

async function up(
  name: string,
  keys: Keys,
  peer: readonly string[],
  options: Partial<TunnelOptions> = {},
  interfaceLines: readonly string[] = [],
): Promise<End> {
  const tun = new MemoryTun({ name });
  const config = configOf(keys.privateKey, interfaceLines, peer);
  const tunnel = await connect(config, { name, tun, udp: LOOPBACK, ...options });
  tunnels.push(tunnel);
  return { tunnel, tun };
}

interface PairOptions {
  readonly host?: string;
  readonly udp?: TunnelOptions['udp'];
  readonly clock?: VirtualClock;
  /** Further lines of the section of b in a's configuration. */
  readonly peerOfA?: readonly string[];
  readonly peerOfB?: readonly string[];
}

/** b waits; a knows where. */
async function pair(options: PairOptions = {}): Promise<{ a: End; b: End }> {
  const { host = '127.0.0.1', udp = LOOPBACK, clock } = options;
  const common = { udp, ...(clock && { clock }) };
  const b = await up('b', keysB, [...peerA(), ...(options.peerOfB ?? [])], common);
  const port = b.tunnel.status().listenPort;
  const endpoint = `Endpoint = ${host}:${port}`;
  const a = await up('a', keysA, [...peerB(), endpoint, ...(options.peerOfA ?? [])], common);
  return { a, b };
}

const peerA = (): string[] => [
  `PublicKey = ${keysA.publicKey}`,
  'AllowedIPs = 10.9.0.1/32, fd09::1/128',
];
const peerB = (): string[] => [
  `PublicKey = ${keysB.publicKey}`,
  'AllowedIPs = 10.9.0.2/32, fd09::2/128',
];

const toB = (text: string): Uint8Array => ipPacket('10.9.0.1', '10.9.0.2', text);
const toA = (text: string): Uint8Array => ipPacket('10.9.0.2', '10.9.0.1', text);

async function arrived(end: End, packet: Uint8Array): Promise<void> {
  await waitFor(() => expect(end.tun.received).toContainEqual(packet));
}

/** One packet each way. */
async function talk({ a, b }: { a: End; b: End }): Promise<void> {
  a.tun.inject(toB('connect'));
  await arrived(b, toB('connect'));
  b.tun.inject(toA('connected'));
  await arrived(a, toA('connected'));
}

describe('two tunnels over loopback', () => {
  it.each([
    { host: '127.0.0.1', udp: LOOPBACK },
    { host: '[::1]', udp: { ipv4Address: '127.0.0.1', ipv6Address: '::1' } },
  ])('carry packets of both families both ways by $host', async (options) => {
    const ends = await pair(options);
    await talk(ends);
    const { a, b } = ends;
    const [ping, pong] = [
      ipPacket('fd09::1', 'fd09::2', 'ping'),
      ipPacket('fd09::2', 'fd09::1', 'pong'),
    ];
    a.tun.inject(ping);
    await arrived(b, ping);
    b.tun.inject(pong);
    await arrived(a, pong);
    expect(b.tunnel.status().peers[0]?.endpoint).toBe(
      `${options.host}:${a.tunnel.status().listenPort}`,
    );
  });

  it('carry many packets in order, of every size up to the MTU', async () => {
    const ends = await pair();
    await talk(ends);
    const sizes = Array.from({ length: 100 }, (_, i) => (i * 14) % 1401);
    const packets = sizes.map((n) => ipPacket('10.9.0.1', '10.9.0.2', new Uint8Array(n).fill(n)));
    ends.b.tun.received.length = 0;
    for (const packet of packets) ends.a.tun.inject(packet);
    await waitFor(() => expect(ends.b.tun.received).toHaveLength(packets.length));
    expect(ends.b.tun.received).toEqual(packets);
  });

  it('agree on a preshared key', async () => {
    const line = `PresharedKey = ${encodeKey(generatePresharedKey().expose())}`;
    const ends = await pair({ peerOfA: [line], peerOfB: [line] });
    await talk(ends);
    for (const { tunnel } of [ends.a, ends.b])
      expect(tunnel.status().peers[0]?.hasPresharedKey).toBe(true);
  });

  it('do not connect with different preshared keys', async () => {
    const line = (): string => `PresharedKey = ${encodeKey(generatePresharedKey().expose())}`;
    const { a, b } = await pair({ peerOfA: [line()], peerOfB: [line()] });
    a.tun.inject(toB('connect'));
    // The response has come, and was refused.
    await waitFor(() => expect(b.tunnel.status().peers[0]?.txBytes).toBe(92n));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(a.tunnel.status().peers[0]?.latestHandshake).toBe(0n);
    expect(b.tun.received).toEqual([]);
  });

  it('deliver nothing that the peer may not send', async () => {
    const ends = await pair();
    await talk(ends);
    ends.b.tun.received.length = 0;
    ends.a.tun.inject(ipPacket('10.9.0.77', '10.9.0.2', 'spoofed'));
    ends.a.tun.inject(toB('honest'));
    await arrived(ends.b, toB('honest'));
    expect(ends.b.tun.received.map(payloadText)).toEqual(['honest']);
  });

  it('handshake at once and keep alive with PersistentKeepalive, without any data', async () => {
    const clock = new VirtualClock();
    const { a, b } = await pair({ clock, peerOfA: ['PersistentKeepalive = 25'] });
    const received = (): bigint | undefined => b.tunnel.status().peers[0]?.rxBytes;
    const [initiation, keepalive] = [148n, 32n];
    await waitFor(() => expect(received()).toBe(initiation + keepalive));
    for (const times of [2n, 3n]) {
      clock.advance(24_999);
      expect(a.tunnel.status().peers[0]?.txBytes).toBe(initiation + (times - 1n) * keepalive);
      clock.advance(1);
      await waitFor(() => expect(received()).toBe(initiation + times * keepalive));
    }
    expect([a.tun.received, b.tun.received]).toEqual([[], []]);
  });

  it('follow a peer that comes back from another port', async () => {
    const clock = new VirtualClock();
    const { a, b } = await pair({ clock });
    await talk({ a, b });
    const before = b.tunnel.status().peers[0]?.endpoint;
    expect(before).toBe(`127.0.0.1:${a.tunnel.status().listenPort}`);
    const endpoint = `Endpoint = 127.0.0.1:${b.tunnel.status().listenPort}`;
    // While the old one holds its port, so that the new one gets another.
    clock.advance(1000);
    const a2 = await up('a2', keysA, [...peerB(), endpoint], { clock });
    await a.tunnel.close();
    a2.tun.inject(toB('here I am'));
    await arrived(b, toB('here I am'));
    expect(b.tunnel.status().peers[0]?.endpoint).toBe(`127.0.0.1:${a2.tunnel.status().listenPort}`);
    expect(b.tunnel.status().peers[0]?.endpoint).not.toBe(before);
    b.tun.inject(toA('there you are'));
    await arrived(a2, toA('there you are'));
  });

  it('renew their keys after two minutes without losing a packet', async () => {
    const clock = new VirtualClock();
    const ends = await pair({ clock });
    await talk(ends);
    const { a, b } = ends;
    const first = a.tunnel.status().peers[0]?.latestHandshake ?? 0n;
    b.tun.received.length = 0;
    // b waits for a sign of life, which has to arrive before its time has run out too.
    const heard = b.tunnel.status().peers[0]?.rxBytes ?? 0n;
    clock.advance(10_000);
    await waitFor(() => expect(b.tunnel.status().peers[0]?.rxBytes).toBe(heard + 32n));
    clock.advance(110_000);
    a.tun.inject(toB('under the old key'));
    await waitFor(() => {
      const latest = a.tunnel.status().peers[0]?.latestHandshake ?? 0n;
      expect(latest - first).toBeGreaterThanOrEqual(120_000_000_000n);
    });
    a.tun.inject(toB('under the new key'));
    await arrived(b, toB('under the new key'));
    expect(b.tun.received.map(payloadText)).toEqual(['under the old key', 'under the new key']);
  });

  it('can be twenty at once', async () => {
    const servers = Array.from({ length: 10 }, (_, i) => ({
      i,
      server: newKeys(),
      client: newKeys(),
    }));
    const pairs = await Promise.all(
      servers.map(async ({ i, server, client }) => {
        const b = await up(`server${i}`, server, [
          `PublicKey = ${client.publicKey}`,
          'AllowedIPs = 10.9.0.1/32',
        ]);
        const a = await up(`client${i}`, client, [
          `PublicKey = ${server.publicKey}`,
          'AllowedIPs = 10.9.0.2/32',
          `Endpoint = 127.0.0.1:${b.tunnel.status().listenPort}`,
        ]);
        return { a, b, i };
      }),
    );
    expect(new Set(tunnels.map((tunnel) => tunnel.status().listenPort)).size).toBe(20);
    for (const { a, i } of pairs) a.tun.inject(toB(`to server ${i}`));
    await Promise.all(pairs.map(({ b, i }) => arrived(b, toB(`to server ${i}`))));
    for (const { b, i } of pairs) b.tun.inject(toA(`to client ${i}`));
    await Promise.all(pairs.map(({ a, i }) => arrived(a, toA(`to client ${i}`))));
    for (const { a, b } of pairs)
      expect([a.tun.received.length, b.tun.received.length]).toEqual([1, 1]);
  });
});

describe('status', () => {
  it('describes a new tunnel exactly', async () => {
    const { tunnel } = await up('office', keysA, [...peerB(), 'PersistentKeepalive = 7'], {}, [
      'MTU = 1380',
      'Address = 10.9.0.1/24',
    ]);
    const status = tunnel.status();
    expect(status).toEqual({
      name: 'office',
      publicKey: keysA.publicKey,
      listenPort: status.listenPort,
      fwMark: 0,
      mtu: 1380,
      dataPlane: 'portable',
      peers: [
        {
          publicKey: keysB.publicKey,
          hasPresharedKey: false,
          allowedIps: ['10.9.0.2/32', 'fd09::2/128'],
          latestHandshake: 0n,
          rxBytes: 0n,
          txBytes: 0n,
          persistentKeepalive: 7,
        },
      ],
    });
    expect(status.listenPort).toBeGreaterThan(0);
    expect(tunnel.name).toBe('office');
  });

  it('counts every byte of UDP payload', async () => {
    const clock = new VirtualClock();
    const { a, b } = await pair({ clock });
    await talk({ a, b });
    // Inner packets of 20 + 7 and 20 + 9 bytes, both padded to 32.
    const [sent, received] = [148n + 64n, 92n + 64n];
    await waitFor(() => expect(a.tunnel.status().peers[0]?.rxBytes).toBe(received));
    const common = { latestHandshake: clock.wallNanos(), persistentKeepalive: 0 };
    expect(a.tunnel.status().peers).toEqual([
      {
        ...common,
        publicKey: keysB.publicKey,
        hasPresharedKey: false,
        endpoint: `127.0.0.1:${b.tunnel.status().listenPort}`,
        allowedIps: ['10.9.0.2/32', 'fd09::2/128'],
        rxBytes: received,
        txBytes: sent,
      },
    ]);
    expect(b.tunnel.status().peers).toEqual([
      {
        ...common,
        publicKey: keysA.publicKey,
        hasPresharedKey: false,
        endpoint: `127.0.0.1:${a.tunnel.status().listenPort}`,
        allowedIps: ['10.9.0.1/32', 'fd09::1/128'],
        rxBytes: sent,
        txBytes: received,
      },
    ]);
  });
});
