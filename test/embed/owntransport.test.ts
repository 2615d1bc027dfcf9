import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ConnectOptions, connect, MemoryTun } from '../../src/index.js';
import type { UdpHandlers, UdpOptions, UdpTransport } from '../../udp/transport.js';
import { configOf, MemoryLogger, newKeys, nextTurn, VirtualClock } from '../src/support.js';
import { ipPacket, payloadText } from '../support/packets.js';
import { waitFor } from '../support/waiting.js';
import { A_PORT, B_PORT, type End, type EndKeys, openA, openB, Wire } from './support.js';

const toB = (text: string): Uint8Array => ipPacket('10.9.0.1', '10.9.0.2', text);
const toA = (text: string): Uint8Array => ipPacket('10.9.0.2', '10.9.0.1', text);

let wire: Wire;
let keys: EndKeys;
let logger: MemoryLogger;
const ends: End[] = [];

beforeEach(() => {
  [wire, keys, logger] = [new Wire(), { a: newKeys(), b: newKeys() }, new MemoryLogger()];
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(ends.splice(0).map(({ tunnel }) => tunnel.close()));
});

async function pair(options: { a?: ConnectOptions; b?: ConnectOptions } = {}): Promise<[End, End]> {
  const own = (side: ConnectOptions | undefined, port: number): ConnectOptions => ({
    logger,
    ...side,
    transport: side?.transport ?? wire.open(port),
  });
  const b = await openB(keys, own(options.b, B_PORT));
  ends.push(b);
  const a = await openA(keys, own(options.a, A_PORT));
  ends.push(a);
  return [a, b];
}

async function arrived({ tun }: End, text: string): Promise<void> {
  await waitFor(() => expect(tun.received.map(payloadText)).toContain(text));
}

describe('a transport of the program’s own', () => {
  it('carries a tunnel that is answered within send and reports no batches', async () => {
    const [a, b] = await pair();
    for (let i = 0; i < 50; i++) a.tun.inject(toB(`${i}`));
    await arrived(b, '49');
    expect(b.tun.received.map(payloadText)).toEqual(Array.from({ length: 50 }, (_, i) => `${i}`));
    b.tun.inject(toA('and back'));
    await arrived(a, 'and back');
    expect([a.tunnel.listenPort, b.tunnel.listenPort]).toEqual([A_PORT, B_PORT]);
    expect(b.tunnel.status().peers[0]?.endpoint).toBe(`192.0.2.1:${A_PORT}`);
  });

  it('may keep each datagram that it is given', async () => {
    const held: { bytes: Uint8Array; port: number }[] = [];
    const transport = wire.open(A_PORT);
    transport.send = (bytes, { port }) => void held.push({ bytes, port });
    const [a, b] = await pair({ a: { transport } });
    const deliver = (): void => {
      for (const { bytes, port } of held.splice(0))
        wire.carry(A_PORT, bytes, { address: '192.0.2.1', port });
    };
    a.tun.inject(toB('first'));
    await waitFor(() => expect(held).not.toEqual([]));
    deliver();
    for (const text of ['second', 'third']) a.tun.inject(toB(text));
    await waitFor(() => expect(held.length).toBeGreaterThanOrEqual(3));
    deliver();
    await arrived(b, 'third');
    expect(b.tun.received.map(payloadText)).toEqual(['first', 'second', 'third']);
  });

  it('is closed with the tunnel, once', async () => {
    const transport = wire.open(A_PORT);
    const { tunnel } = await openA(keys, { transport, logger });
    await Promise.all([tunnel.close(), tunnel.close()]);
    expect(transport.closes).toBe(1);
  });

  it('is closed when the bring-up fails before it was opened, once', async () => {
    const transport = wire.open(A_PORT);
    const resolver = async (): Promise<string[]> => [];
    const opening = openA(keys, { transport, logger, resolver }, [], 'nowhere.example:1');
    await expect(opening).rejects.toMatchObject({ code: 'ERR_RESOLVE' });
    expect(transport.closes).toBe(1);
  });

  it('is closed when the bring-up fails after it was opened, once', async () => {
    const transport = wire.open(A_PORT);
    const failed = new Error('not exposed');
    const expose = (): Promise<never> => Promise.reject(failed);
    await expect(openA(keys, { transport, logger, expose })).rejects.toBe(failed);
    expect(transport.closes).toBe(1);
  });

  it('is closed when the bring-up never begins, unless another tunnel has it', async () => {
    const transport = wire.open(A_PORT);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(openA(keys, { transport, logger, signal })).rejects.toThrow('enough');
    expect(transport.closes).toBe(1);
    const used = wire.open(A_PORT);
    ends.push(await openA(keys, { transport: used, logger }));
    const tun = new MemoryTun();
    await expect(connect('[Peer]', { transport: used, tun })).rejects.toThrow('[Peer]');
    expect([used.closes, tun.closed]).toEqual([0, true]);
  });

  it('is good for one tunnel', async () => {
    const transport = wire.open(A_PORT);
    ends.push(await openA(keys, { transport, logger }));
    await expect(openA(keys, { transport, logger })).rejects.toMatchObject({ code: 'ERR_USAGE' });
    expect(transport.closes).toBe(0);
  });

  it('is given marks, and refuses FwMark where it has none', async () => {
    const marks: number[] = [];
    const config = configOf(keys.a.privateKey, ['FwMark = 7']);
    const [tun] = [{ name: 'a', start() {}, write: () => true, close() {} }];
    const marked = Object.assign(wire.open(1), {
      setMark: (mark: number) => void marks.push(mark),
    });
    const tunnel = await connect(config, { tun, transport: marked, logger });
    await tunnel.configure({ fwMark: 9, peers: [] });
    await tunnel.close();
    expect(marks).toEqual([7, 9]);
    const refused = connect(config, { tun, transport: wire.open(2), logger });
    await expect(refused).rejects.toMatchObject({ code: 'ERR_MARK' });
  });

  it.each([
    ['no object', 'udp'],
    ['nothing to send with', { port: 1, start() {}, close() {} }],
    ['no port', { start() {}, send() {}, close() {} }],
    ['a wrong port', { port: 65_536, start() {}, send() {}, close() {} }],
  ])('is refused: %s', async (_, transport) => {
    for (const given of [transport, () => transport]) {
      const options = { transport: given as unknown as UdpTransport, logger };
      await expect(openA(keys, options)).rejects.toMatchObject({ code: 'ERR_USAGE' });
    }
  });
});

describe('the data plane', () => {
  it('is the portable one, whatever the environment says', async () => {
    vi.stubEnv('WG_TS_DATAPLANE', 'native');
    const [a] = await pair();
    expect(a.tunnel.status().dataPlane).toBe('portable');
  });

  it('is refused when the native one is asked for', async () => {
    const transport = wire.open(A_PORT);
    const opening = openA(keys, { transport, logger, dataPlane: 'native' });
    await expect(opening).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
    expect(transport.closes).toBe(1);
  });
});

describe('another ListenPort', () => {
  const opener = (asked: UdpOptions[]) => (options: UdpOptions) => {
    asked.push(options);
    return wire.open(options.port || A_PORT);
  };

  it('calls the function again, and the session goes on', async () => {
    const asked: UdpOptions[] = [];
    const ofBringUp = new AbortController();
    const { signal } = ofBringUp;
    const [a, b] = await pair({ a: { transport: opener(asked), udp: { ipv6: false }, signal } });
    a.tun.inject(toB('before'));
    await arrived(b, 'before');
    ofBringUp.abort(new Error('too late'));
    await a.tunnel.configure({ listenPort: 1003, peers: [] });
    expect(a.tunnel.listenPort).toBe(1003);
    expect(asked.map(({ port, ipv6 }) => [port, ipv6])).toEqual([
      [undefined, false],
      [1003, false],
    ]);
    const handshakes = wire.sent.filter(({ bytes }) => bytes[0] === 1).length;
    a.tun.inject(toB('after'));
    await arrived(b, 'after');
    expect(b.tunnel.status().peers[0]?.endpoint).toBe('192.0.2.1:1003');
    expect(wire.sent.filter(({ bytes }) => bytes[0] === 1)).toHaveLength(handshakes);
    b.tun.inject(toA('found you'));
    await arrived(a, 'found you');
  });

  it('is refused by a transport with a fixed port, and nothing has changed', async () => {
    const [a, b] = await pair();
    const change = { listenPort: 1003, fwMark: 0, replacePeers: true, peers: [] };
    await expect(a.tunnel.configure(change)).rejects.toMatchObject({
      code: 'ERR_CHANGE',
      cause: { code: 'ERR_UNSUPPORTED' },
    });
    expect(a.tunnel.listenPort).toBe(A_PORT);
    a.tun.inject(toB('as before'));
    await arrived(b, 'as before');
  });

  it.each<[string, (first: UdpTransport) => UdpTransport]>([
    [
      'throws',
      () => {
        throw new Error('no port left');
      },
    ],
    ['returns the same again', (first) => first],
    [
      'returns one that does not start',
      () => ({
        port: 7,
        start() {
          throw new Error('no start');
        },
        send() {},
        close() {},
      }),
    ],
  ])('is refused when the function %s, and nothing has changed', async (_, again) => {
    let first: UdpTransport | undefined;
    const transport = (): UdpTransport => {
      if (first) return again(first);
      first = wire.open(A_PORT);
      return first;
    };
    const [a, b] = await pair({ a: { transport } });
    const changing = a.tunnel.configure({ listenPort: 1003, peers: [] });
    await expect(changing).rejects.toMatchObject({ code: 'ERR_CHANGE' });
    expect(a.tunnel.listenPort).toBe(A_PORT);
    a.tun.inject(toB('as before'));
    await arrived(b, 'as before');
    b.tun.inject(toA('both ways'));
    await arrived(a, 'both ways');
  });

  it('that is opened too late for a bring-up that was given up is closed', async () => {
    const transport = wire.open(A_PORT);
    let open = (_: UdpTransport): void => undefined;
    const opening = new Promise<UdpTransport>((resolve) => {
      open = resolve;
    });
    const end = new AbortController();
    const coming = openA(keys, { transport: () => opening, signal: end.signal, logger });
    setImmediate(() => end.abort(new Error('enough')));
    await expect(coming).rejects.toThrow('enough');
    open(transport);
    await waitFor(() => expect(transport.closes).toBe(1));
  });
});

describe('a transport that does wrong', () => {
  const uncaught: unknown[] = [];
  const note = (error: unknown): void => void uncaught.push(error);

  beforeEach(() => {
    uncaught.length = 0;
    process.on('uncaughtException', note);
    process.on('unhandledRejection', note);
  });

  afterEach(() => {
    process.off('uncaughtException', note);
    process.off('unhandledRejection', note);
  });

  it.each<[string, () => void]>([
    [
      'throws',
      () => {
        throw new Error('cable cut');
      },
    ],
    ['rejects', () => Promise.reject(new Error('cable cut')) as unknown as undefined],
  ])('in send, as it %s, loses that datagram and is logged', async (_, fail) => {
    const transport = wire.open(A_PORT);
    const { send } = transport;
    let isBroken = true;
    transport.send = (bytes, to) => (isBroken ? fail() : send.call(transport, bytes, to));
    const clock = new VirtualClock();
    const [a, b] = await pair({ a: { transport, clock } });
    a.tun.inject(toB('once more'));
    await waitFor(() => {
      expect(logger.lines).toContain('debug: cannot send to 192.0.2.1 port 1002: cable cut');
    });
    isBroken = false;
    clock.advance(6000);
    await arrived(b, 'once more');
    expect(uncaught).toEqual([]);
  });

  it('by what it delivers is not believed', async () => {
    const transport = wire.open(A_PORT);
    const [a, b] = await pair({ a: { transport } });
    a.tun.inject(toB('before'));
    await arrived(b, 'before');
    const from = { address: '192.0.2.9', port: 9 };
    const bytes = wire.sent.findLast(({ bytes }) => bytes[0] === 4)?.bytes;
    const getter = {
      get address(): string {
        throw new Error('no address');
      },
      port: 1,
    };
    const { onDatagram, onBatchEnd, onSendError } = transport.handlers as Required<UdpHandlers>;
    const bring = onDatagram as (bytes: unknown, from: unknown) => void;
    for (const wrong of [new Uint8Array(0), new Uint8Array(65_536), 'text', undefined, [4], {}])
      bring(wrong, from);
    for (const wrong of [
      ...[undefined, null, 'somewhere', {}, getter],
      ...[0, 65_536, 1.5, '9', Number.NaN].map((port) => ({ ...from, port })),
      ...['', 'b.example', '192.0.2', 'fe80::1%', 'fe80::1%a\nb', 7].map((address) => ({
        ...from,
        address,
      })),
    ])
      bring(bytes, wrong);
    for (let length = 1; length < 200; length++) {
      bring(new Uint8Array(length).fill(length), from);
      bring(Uint8Array.of(1 + (length % 4), 0, 0, 0, ...Array(length).fill(length)), from);
    }
    onBatchEnd();
    (onSendError as (error: unknown, to: unknown) => void)('no route', from);
    await nextTurn();
    b.tun.inject(toA('still here'));
    await arrived(a, 'still here');
    expect(uncaught).toEqual([]);
    expect(a.tunnel.status().peers[0]?.endpoint).toBe(`192.0.2.1:${B_PORT}`);
  });

  it('after the end is ignored', async () => {
    const transport = wire.open(A_PORT);
    const { tunnel } = await openA(keys, { transport, logger });
    await tunnel.close();
    transport.arrive(new Uint8Array(148).fill(1), { address: '192.0.2.1', port: B_PORT });
    transport.handlers?.onBatchEnd?.();
    await nextTurn();
    expect(uncaught).toEqual([]);
  });

  it('in close does not keep the tunnel from ending', async () => {
    const transport = wire.open(A_PORT);
    transport.close = () => {
      throw new Error('does not close');
    };
    const { tunnel } = await openA(keys, { transport, logger });
    await tunnel.close();
    expect(await tunnel.closed).toBeUndefined();
    expect(logger.lines.filter((line) => line.includes('does not close'))).toHaveLength(1);
  });

  it('by spelling an address in another way does not make a peer roam', async () => {
    wire.place(A_PORT, '2001:db8::1');
    const transport = wire.open(B_PORT);
    const { arrive } = transport;
    transport.arrive = (bytes, { port }) =>
      arrive.call(transport, bytes, { address: '2001:DB8:0:0::1', port });
    const [a, b] = await pair({ b: { transport } });
    a.tun.inject(toB('here'));
    await arrived(b, 'here');
    expect(b.tunnel.status().peers[0]?.endpoint).toBe(`[2001:db8::1]:${A_PORT}`);
  });
});
