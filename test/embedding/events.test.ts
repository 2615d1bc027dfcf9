import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import type { TransferEvent, TunnelState } from '../../src/index.js';
import { nextTurn, VirtualClock } from '../src/support.js';
import { ipPacket } from '../support/packets.js';
import { freePort } from '../support/ports.js';
import { waitFor } from '../support/waiting.js';
import { ConnectedPair, describeOnPlanes, type PairOptions } from './support.js';

let pair: ConnectedPair | undefined;

afterEach(async () => {
  await pair?.close();
  pair = undefined;
});

function statesOf(tunnel: ConnectedPair['a']): TunnelState[] {
  const states: TunnelState[] = [];
  tunnel.on('state', (state, previous) => states.push(previous, state));
  return states;
}

describeOnPlanes('the events of a tunnel', (dataPlane) => {
  async function open(options: PairOptions = {}): Promise<ConnectedPair> {
    pair = await ConnectedPair.open({ dataPlane, ...options });
    return pair;
  }

  it('report the handshake to both sides, and who began it', async () => {
    const { a, b, keysA, keysB } = await open();
    const told = Promise.all([once(a, 'handshake'), once(b, 'handshake')]);
    await pair?.talk();
    const [[atA], [atB]] = await told;
    expect(atA).toEqual({
      publicKey: keysB.publicKey,
      role: 'initiator',
      endpoint: `127.0.0.1:${b.listenPort}`,
    });
    expect(atB).toEqual({
      publicKey: keysA.publicKey,
      role: 'responder',
      endpoint: `127.0.0.1:${a.listenPort}`,
    });
  });

  it('report its states, from up to closed', async () => {
    const { a } = await open();
    const states = statesOf(a);
    await pair?.talk();
    await waitFor(() => expect(states).toEqual(['up', 'connected']));
    expect(a.state).toBe('connected');
    await a.close();
    await nextTurn();
    expect(states.slice(2)).toEqual(['connected', 'closing', 'closing', 'closed']);
    expect(await a.closed).toBeUndefined();
  });

  it('report that no peer is connected any more when a session has expired', async () => {
    const clock = new VirtualClock();
    const { a, b } = await open({ dataPlane: 'portable', a: { clock }, b: { clock } });
    await pair?.talk();
    await b.close();
    const states = statesOf(a);
    clock.advance(179_000);
    await nextTurn();
    expect(states).toEqual([]);
    clock.advance(2000);
    await nextTurn();
    expect(states).toEqual(['connected', 'up']);
    expect(a.stats().connectedPeers).toBe(0);
  });

  it('report the endpoint of a peer that moves to another port', async () => {
    const { a, b, keysA } = await open({ peerOfA: ['PersistentKeepalive = 25'] });
    await pair?.talk();
    const moved = once(b, 'endpoint');
    await a.configure({ listenPort: 0, peers: [] });
    const before = a.listenPort;
    const port = await freePort();
    await a.configure({ listenPort: port, peers: [] });
    expect(a.listenPort).not.toBe(before);
    await pair?.talk('again');
    expect((await moved)[0]).toEqual({ publicKey: keysA.publicKey, endpoint: `127.0.0.1:${port}` });
  });

  const INTERVAL = 50;

  it('report the totals of a peer, at most once in the interval', async () => {
    const { a, keysB } = await open({ a: { transferInterval: INTERVAL } });
    const told: TransferEvent[] = [];
    a.on('transfer', (event) => told.push(event));
    await pair?.talk('one');
    await waitFor(() => expect(told).not.toEqual([]));
    const peer = a.peers()[0];
    await waitFor(() =>
      expect(told.at(-1)).toEqual({
        publicKey: keysB.publicKey,
        rxBytes: peer?.rxBytes,
        txBytes: peer?.txBytes,
      }),
    );
    const [before, begin] = [told.length, performance.now()];
    for (let i = 0; i < 20; i++) await pair?.talk(`many ${i}`);
    await waitFor(() => expect(told.at(-1)?.txBytes).toBe(a.peers()[0]?.txBytes));
    const intervals = (performance.now() - begin) / INTERVAL;
    expect(told.length - before).toBeLessThanOrEqual(intervals + 2);
  });

  it('tell listeners why it broke; without a listener nothing is thrown', async () => {
    const { a, b, tunA, tunB } = await open();
    const failure = new Error('the interface is gone');
    const told = once(a, 'error').catch((error: unknown) => [error]);
    tunA.fail(failure);
    tunB.fail(failure);
    expect(await told).toEqual([failure]);
    expect([await a.closed, await b.closed]).toEqual([failure, failure]);
    expect([a.state, b.state]).toEqual(['closed', 'closed']);
  });

  it('reach the other listeners when one throws, and one that closes the tunnel', async () => {
    const { a, b } = await open();
    const thrown: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => thrown.push(error));
    try {
      const failure = new Error('a mistake of the program');
      a.on('handshake', () => {
        throw failure;
      });
      const states = statesOf(a);
      b.on('handshake', () => void b.close());
      pair?.tunA.inject(ipPacket('10.9.0.1', '10.9.0.2', 'hello'));
      await waitFor(() => expect(thrown).toEqual([failure]));
      await waitFor(() => expect(states).toEqual(['up', 'connected']));
      expect(await b.closed).toBeUndefined();
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
  });
});
