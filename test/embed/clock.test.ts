/** Hours of a tunnel in moments: its time is that of `clock` alone. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ConnectOptions } from '../../src/index.js';
import { MemoryLogger, newKeys, nextTurn, VirtualClock } from '../src/support.js';
import { ipPacket, payloadText } from '../support/packets.js';
import { waitFor } from '../support/waiting.js';
import { A_PORT, B_PORT, type End, type EndKeys, openA, openB, pass, Wire } from './support.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const INITIATION = 1;
const TRANSPORT = 4;

const toB = (text: string): Uint8Array => ipPacket('10.9.0.1', '10.9.0.2', text);
const toA = (text: string): Uint8Array => ipPacket('10.9.0.2', '10.9.0.1', text);

let clock: VirtualClock;
let wire: Wire;
let logger: MemoryLogger;
let keys: EndKeys;
const ends: End[] = [];

beforeEach(() => {
  [clock, logger] = [new VirtualClock(), new MemoryLogger()];
  wire = new Wire(clock.now);
  keys = { a: newKeys(), b: newKeys() };
});

afterEach(async () => {
  await Promise.all(ends.splice(0).map(({ tunnel }) => tunnel.close()));
});

async function pair(
  lines: readonly string[] = [],
  options: ConnectOptions = {},
): Promise<{ a: End; b: End }> {
  const b = await openB(keys, { clock, logger, transport: wire.open(B_PORT) });
  ends.push(b);
  const own = { clock, logger, transport: wire.open(A_PORT), ...options };
  const a = await openA(keys, own, lines);
  ends.push(a);
  return { a, b };
}

async function arrived({ tun }: End, text: string): Promise<void> {
  await waitFor(() => expect(tun.received.map(payloadText)).toContain(text));
}

function gaps(times: readonly number[]): number[] {
  return times.slice(1).map((time, i) => time - (times[i] as number));
}

describe('in hours of its time, a tunnel', () => {
  it('keeps alive every 25 seconds and rekeys every two minutes', async () => {
    const { a, b } = await pair(['PersistentKeepalive = 25']);
    const sessions: string[] = [];
    a.tunnel.on('handshake', ({ role }) => sessions.push(role));
    await pass(clock, 3 * HOUR);
    const initiations = wire.times(INITIATION, A_PORT);
    // The first message after two minutes asks for the next key.
    expect(initiations.length).toBeGreaterThan((3 * HOUR) / 150_000);
    for (const gap of gaps(initiations)) {
      expect(gap).toBeGreaterThanOrEqual(120_000);
      expect(gap).toBeLessThanOrEqual(145_000);
    }
    for (const gap of gaps(wire.times(TRANSPORT, A_PORT))) expect(gap).toBeLessThanOrEqual(25_000);
    expect(wire.times(INITIATION, B_PORT)).toEqual([]);
    expect(sessions.length).toBeGreaterThanOrEqual(initiations.length - 1);
    expect([a.tunnel.state, b.tunnel.state]).toEqual(['connected', 'connected']);
    const handshakeAgo = clock.wallNanos() - (b.tunnel.peers()[0]?.latestHandshake ?? 0n);
    expect(handshakeAgo).toBeLessThan(145_000_000_000n);
  });

  it('answers data within ten seconds, and is then silent', async () => {
    const { a, b } = await pair();
    a.tun.inject(toB('one way'));
    await arrived(b, 'one way');
    const at = clock.now();
    const before = wire.times(TRANSPORT, B_PORT).length;
    await pass(clock, HOUR);
    expect(wire.times(TRANSPORT, B_PORT).slice(before)).toEqual([at + 10_000]);
    expect(wire.times(INITIATION, A_PORT)).toHaveLength(1);
  });

  it('lets a key expire after three minutes, and makes another for the next packet', async () => {
    const { a, b } = await pair();
    a.tun.inject(toB('first'));
    await arrived(b, 'first');
    await pass(clock, 179_000);
    expect([a.tunnel.state, b.tunnel.state]).toEqual(['connected', 'connected']);
    await pass(clock, 2000);
    expect([a.tunnel.state, b.tunnel.state]).toEqual(['up', 'up']);
    expect(wire.times(INITIATION, B_PORT)).toEqual([]);
    b.tun.inject(toA('after'));
    await arrived(a, 'after');
    expect(wire.times(INITIATION, B_PORT)).toEqual([clock.now()]);
  });

  it('tries a peer that is not there for a minute and a half, and no more', async () => {
    wire.place(B_PORT, '192.0.2.99');
    const { a } = await pair();
    const start = clock.now();
    a.tun.inject(toB('is anybody there'));
    await nextTurn();
    await pass(clock, HOUR, 100);
    const tries = wire.times(INITIATION, A_PORT);
    expect(tries.length).toBeGreaterThanOrEqual(17);
    expect(tries.length).toBeLessThanOrEqual(20);
    expect((tries.at(-1) ?? 0) - start).toBeLessThanOrEqual(100_000);
    for (const gap of gaps(tries)) {
      expect(gap).toBeGreaterThanOrEqual(5000);
      expect(gap).toBeLessThanOrEqual(5500);
    }
    expect(a.tunnel.state).toBe('up');
  });
});

describe('no timer of the system’s', () => {
  it('is set by a tunnel that has a clock of its own', async () => {
    const timers = vi.spyOn(globalThis, 'setTimeout');
    const dates = vi.spyOn(Date, 'now');
    const moments = vi.spyOn(performance, 'now');
    const ours = (calls: { readonly mock: { readonly calls: unknown[] } }): number =>
      calls.mock.calls.length;
    try {
      const { a, b } = await pair(['PersistentKeepalive = 25']);
      a.tun.inject(toB('hello'));
      for (let i = 0; i < 20; i++) await nextTurn();
      expect(b.tun.received.map(payloadText)).toEqual(['hello']);
      await pass(clock, 10 * MINUTE);
      await Promise.all(ends.splice(0).map(({ tunnel }) => tunnel.close()));
      expect([ours(timers), ours(dates), ours(moments)]).toEqual([0, 0, 0]);
      expect(clock.waiting).toBe(0);
    } finally {
      vi.restoreAllMocks();
    }
  });
});

describe('the resolver', () => {
  const temporary = Object.assign(new Error('try again'), { code: 'EAI_AGAIN' });

  async function connecting(
    resolver: (host: string) => Promise<readonly string[]>,
    endpoint: string,
  ): Promise<{ opening: Promise<End>; isOpen: () => boolean }> {
    let opened = false;
    const options = { clock, logger, transport: wire.open(A_PORT), resolver };
    const opening = openA(keys, options, [], endpoint);
    opening.then(
      (end) => {
        ends.push(end);
        opened = true;
      },
      () => undefined,
    );
    for (let i = 0; i < 20; i++) await nextTurn();
    return { opening, isOpen: () => opened };
  }

  it('is asked again, by that clock, when it does not know yet', async () => {
    const asked: string[] = [];
    const { opening, isOpen } = await connecting(async (host) => {
      if (asked.push(host) < 3) throw temporary;
      return ['192.0.2.1'];
    }, `b.example:${B_PORT}`);
    await waitFor(() => expect(asked).toHaveLength(1));
    await pass(clock, 1000, 500);
    await waitFor(() => expect(asked).toHaveLength(2));
    expect(isOpen()).toBe(false);
    await pass(clock, 1199, 1199);
    expect(asked).toHaveLength(2);
    await pass(clock, 1, 1);
    const { tunnel } = await opening;
    expect(asked).toEqual(['b.example', 'b.example', 'b.example']);
    expect(tunnel.peers()[0]?.endpoint).toBe(`192.0.2.1:${B_PORT}`);
  });

  it('gets no more than a second, by that clock, for further names', async () => {
    const { opening, isOpen } = await connecting(
      (host) =>
        host === 'b.example' ? Promise.resolve(['192.0.2.1']) : new Promise(() => undefined),
      `silent.example:1, b.example:${B_PORT}`,
    );
    await waitFor(() => expect(clock.waiting).toBeGreaterThan(0));
    await pass(clock, 999, 999);
    expect(isOpen()).toBe(false);
    await pass(clock, 1, 1);
    expect((await opening).tunnel.peers()[0]?.endpoint).toBe(`192.0.2.1:${B_PORT}`);
  });

  it('finds a peer that has moved while the tunnel runs', async () => {
    let address = '192.0.2.1';
    let asked = 0;
    // The second question is never answered.
    const resolver = (): Promise<string[]> =>
      ++asked === 2 ? new Promise(() => undefined) : Promise.resolve([address]);
    const { opening } = await connecting(resolver, `b.example:${B_PORT}`);
    const a = await opening;
    const b = await openB(keys, { clock, logger, transport: wire.open(B_PORT) });
    ends.push(b);
    a.tun.inject(toB('at home'));
    await arrived(b, 'at home');
    // Until its own messages tell no more where it is.
    await pass(clock, HOUR);
    address = '192.0.2.77';
    wire.place(B_PORT, address);
    a.tun.inject(toB('away'));
    await nextTurn();
    await pass(clock, MINUTE);
    await arrived(b, 'away');
    expect(logger.lines).toContain('warn: looking b.example up again: no answer');
    expect(wire.sent.findLast(({ from }) => from === A_PORT)?.to.address).toBe('192.0.2.77');
  });
});
