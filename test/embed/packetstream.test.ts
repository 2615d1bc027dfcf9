import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  connect,
  type DataPlaneKind,
  MemoryTun,
  memoryTunPair,
  type Tunnel,
} from '../../src/index.js';
import { packetStream } from '../../tun/stream/packetstream.js';
import { tunFromStream } from '../../tun/stream/streamtun.js';
import { whyNoNativeLibrary } from '../native/library.js';
import { configOf, LOOPBACK, newKeys, nextTurn } from '../src/support.js';
import { ipPacket, payloadText } from '../support/packets.js';
import { waitFor } from '../support/waiting.js';

const packet = (n: number): Uint8Array => Uint8Array.of(0x45, n >> 8, n);
const numberOf = (bytes: Uint8Array): number => (bytes[1] as number) * 256 + (bytes[2] as number);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('packetStream', () => {
  let tun: MemoryTun;

  beforeEach(() => {
    tun = new MemoryTun();
  });

  it('reads what goes out, in order, in buffers of its own', async () => {
    const stream = packetStream(tun);
    for (const i of upTo(200)) tun.inject(packet(i));
    const received: Uint8Array[] = [];
    for await (const bytes of stream) if (received.push(bytes) === 200) break;
    expect(received.map(numberOf)).toEqual(upTo(200));
    expect(tun.closed).toBe(true);
  });

  it('ends when the other end of the pair is closed, after all that was sent', async () => {
    const [far, near] = memoryTunPair();
    const stream = packetStream(near);
    for (const i of upTo(100)) far.write(packet(i));
    far.close();
    const received: Uint8Array[] = [];
    for await (const bytes of stream) received.push(bytes);
    expect(received.map(numberOf)).toEqual(upTo(100));
    expect(near.closed).toBe(true);
  });

  it('ends with the tunnel', async () => {
    const [far, near] = memoryTunPair();
    const tunnel = await connect(configOf(newKeys().privateKey, []), { tun: far, udp: LOOPBACK });
    const stream = packetStream(near);
    setImmediate(() => void tunnel.close());
    for await (const bytes of stream) expect.unreachable(`${bytes}`);
    expect(tunnel.state).not.toBe('up');
  });

  it('hands over what is written, at once', () => {
    const stream = packetStream(tun);
    for (const i of upTo(3)) stream.write(packet(i));
    expect(tun.received.map(numberOf)).toEqual(upTo(3));
    stream.destroy();
  });

  it('keeps 1024 unread packets, and drops the others', async () => {
    const stream = packetStream(tun);
    for (const i of upTo(1024)) tun.inject(packet(i));
    await waitFor(() => expect(stream.readableLength).toBe(1024));
    tun.inject(packet(2000));
    for (let i = 0; i < 3; i++) await nextTurn();
    expect(stream.readableLength).toBe(1024);
    const received = upTo(1024).map(() => numberOf(stream.read() as Uint8Array));
    expect(received).toEqual(upTo(1024));
    expect(stream.read()).toBeNull();
    tun.inject(packet(3000));
    await waitFor(() => expect(numberOf(stream.read() as Uint8Array)).toBe(3000));
    stream.destroy();
  });

  it('goes on reading after end, and closes the interface when it is destroyed', async () => {
    const stream = packetStream(tun);
    stream.end(packet(1));
    await waitFor(() => expect(stream.writableFinished).toBe(true));
    tun.inject(packet(2));
    await waitFor(() => expect(numberOf(stream.read() as Uint8Array)).toBe(2));
    expect(tun.closed).toBe(false);
    stream.destroy();
    await waitFor(() => expect(stream.closed).toBe(true));
    expect(tun.closed).toBe(true);
  });

  it('breaks with the interface', async () => {
    const stream = packetStream(tun);
    const errors: Error[] = [];
    stream.on('error', (error) => errors.push(error));
    const gone = new Error('the interface is gone');
    tun.fail(gone);
    await waitFor(() => expect(errors).toEqual([gone]));
    expect(tun.closed).toBe(true);
  });

  it('refuses what is not a packet, and says what it was', async () => {
    const stream = packetStream(tun);
    const errors: Error[] = [];
    stream.on('error', (error) => errors.push(error));
    stream.write('GET /');
    await waitFor(() => expect(errors).toHaveLength(1));
    expect(errors[0]).toMatchObject({
      code: 'ERR_USAGE',
      message: expect.stringMatching(/a string/),
    });
    expect([tun.closed, tun.received]).toEqual([true, []]);
  });

  it('reports what the interface throws as its own error', async () => {
    const failure = new Error('no write');
    tun.write = () => {
      throw failure;
    };
    const stream = packetStream(tun);
    const errors: Error[] = [];
    stream.on('error', (error) => errors.push(error));
    stream.write(packet(1));
    await waitFor(() => expect(errors).toEqual([failure]));
  });
});

describe('a tunnel', () => {
  const tunnels: Tunnel[] = [];

  afterEach(async () => {
    await Promise.all(tunnels.splice(0).map((tunnel) => tunnel.close()));
  });

  const planes = ['portable', 'native'] as const;
  const missing = (plane: string): string | undefined =>
    plane === 'native' ? whyNoNativeLibrary : undefined;

  for (const dataPlane of planes) {
    const why = missing(dataPlane);
    const name = `carries packets between two streams of the host by the ${dataPlane} plane`;
    it.skipIf(why !== undefined)(why === undefined ? name : `${name} (skipped: ${why})`, () =>
      carries(dataPlane),
    );
  }

  async function carries(dataPlane: DataPlaneKind): Promise<void> {
    const [keysA, keysB] = [newKeys(), newKeys()];
    const [tunA, hostA] = memoryTunPair({ name: 'a' });
    const [streamTunB, outsideB] = memoryTunPair({ name: 'b' });
    // A stream is what the tunnel takes, and a stream is what the host has.
    const b = await connect(
      configOf(
        keysB.privateKey,
        [],
        [`PublicKey = ${keysA.publicKey}`, 'AllowedIPs = 10.9.0.1/32'],
      ),
      { tun: packetStream(streamTunB), udp: LOOPBACK, dataPlane },
    );
    tunnels.push(b);
    const peer = [
      `PublicKey = ${keysB.publicKey}`,
      'AllowedIPs = 10.9.0.2/32',
      `Endpoint = 127.0.0.1:${b.listenPort}`,
    ];
    const a = await connect(configOf(keysA.privateKey, [], peer), {
      tun: tunA,
      udp: LOOPBACK,
      dataPlane,
    });
    tunnels.push(a);
    const [hostOfA, hostOfB] = [packetStream(hostA), packetStream(outsideB)];
    hostOfA.write(ipPacket('10.9.0.1', '10.9.0.2', 'there'));
    for await (const bytes of hostOfB) {
      expect(payloadText(bytes)).toBe('there');
      hostOfB.write(ipPacket('10.9.0.2', '10.9.0.1', 'and back'));
      break;
    }
    // Leaving the loop has closed that end, as it says.
    expect(outsideB.closed).toBe(true);
    const [back] = await hostOfA.take(1).toArray();
    expect(payloadText(back)).toBe('and back');
    expect([a, b].map((tunnel) => tunnel.status().dataPlane)).toEqual([dataPlane, dataPlane]);
  }

  it('ends with the error of its stream', async () => {
    const [tun] = memoryTunPair();
    const stream = packetStream(tun);
    const tunnel = await connect(configOf(newKeys().privateKey, []), {
      tun: stream,
      udp: LOOPBACK,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    });
    tunnels.push(tunnel);
    const cut = new Error('the link is cut');
    stream.destroy(cut);
    expect(await tunnel.closed).toBe(cut);
  });

  it('ends the stream when it is closed', async () => {
    const [tun] = memoryTunPair();
    const stream = packetStream(tun);
    const tunnel = await connect(configOf(newKeys().privateKey, []), {
      tun: stream,
      udp: LOOPBACK,
    });
    await tunnel.close();
    await waitFor(() => expect([stream.destroyed, tun.closed]).toEqual([true, true]));
  });

  it('does not mind invalid packets', async () => {
    const [tun, host] = memoryTunPair();
    const stream = packetStream(tun);
    const tunnel = await connect(configOf(newKeys().privateKey, []), {
      tun: stream,
      udp: LOOPBACK,
    });
    tunnels.push(tunnel);
    for (const bytes of [[], [0x45], [0x65, 0, 0], [0xff, 1, 2], Array(70_000).fill(0x45)])
      host.write(Uint8Array.from(bytes));
    const wrapped = tunFromStream(packetStream(new MemoryTun()));
    wrapped.close();
    for (let i = 0; i < 5; i++) await nextTurn();
    expect(tunnel.state).toBe('up');
  });
});
