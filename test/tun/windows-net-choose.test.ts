import { describe, expect, it } from 'vitest';
import {
  bestRoute,
  choose,
  defaultRoute,
  type Snapshot,
  type Way,
} from '../../network/windows/choose.js';
import type { RouteKey, RouteRow } from '../../network/windows/rows.js';

const [LOOPBACK, WIRE, AIR, TUNNEL] = [1n, 2n, 3n, 9n];

function route(luid: bigint, network: string, nextHop: string, metric = 0): RouteRow {
  const [destination = '', length] = network.split('/');
  return { luid, destination, length: Number(length), nextHop, metric, isManual: true };
}

function snapshot(routes: RouteRow[], ways: Partial<Record<string, Partial<Way>>> = {}): Snapshot {
  return {
    routes,
    way: (luid) => ({
      index: Number(luid),
      isUp: true,
      mtu: 1500,
      metric: 10,
      ...ways[String(luid)],
    }),
  };
}

const wire = route(WIRE, '0.0.0.0/0', '192.168.1.1');
const air = route(AIR, '0.0.0.0/0', '192.168.2.1');
const tunnel = { luid: TUNNEL, networks: ['0.0.0.0/0', '::/0', '10.0.0.0/24'] };
const ours = [route(TUNNEL, '0.0.0.0/0', '0.0.0.0'), route(TUNNEL, '::/0', '::')];

const chosen = (
  state: Snapshot,
  endpoints: string[] = ['203.0.113.7'],
  own: RouteKey[] = [],
): ReturnType<typeof choose> => choose(state, tunnel, endpoints, own, LOOPBACK);

describe('the default route past the tunnel', () => {
  it('has the least sum of its metric and that of its interface', () => {
    const state = snapshot([wire, air, ...ours], { 2: { metric: 25 }, 3: { metric: 20 } });
    expect(defaultRoute(state, 4, TUNNEL)).toBe(air);
    const heavier = { ...air, metric: 6 };
    expect(defaultRoute({ ...state, routes: [heavier, wire, ...ours] }, 4, TUNNEL)).toBe(wire);
    expect(defaultRoute(state, 6, TUNNEL)).toBeUndefined();
  });

  it('is on an interface that is up', () => {
    expect(defaultRoute(snapshot([wire, air], { 2: { isUp: false } }), 4, TUNNEL)).toBe(air);
    expect(defaultRoute({ routes: [wire], way: () => undefined }, 4, TUNNEL)).toBeUndefined();
  });
});

describe('the best route to an address', () => {
  it('is the narrowest, whatever its metric', () => {
    const narrow = route(AIR, '203.0.113.0/24', '192.168.2.1', 900);
    const state = snapshot([wire, narrow]);
    expect(bestRoute(state, '203.0.113.7', () => false)).toBe(narrow);
    expect(bestRoute(state, '203.0.114.7', () => false)).toBe(wire);
    expect(bestRoute(state, '203.0.113.7', ({ luid }) => luid === AIR)).toBe(wire);
    expect(bestRoute(state, '2001:db8::1', () => false)).toBeUndefined();
  });
});

describe('the choice', () => {
  it('binds to the default interfaces, and gives each endpoint a route of its own', () => {
    const v6 = route(AIR, '::/0', 'fe80::1');
    const state = snapshot([wire, v6, ...ours], { 3: { mtu: 1400 } });
    expect(chosen(state, ['203.0.113.7', '2001:db8::7'])).toEqual({
      bind: { 4: 2, 6: 3 },
      mtu: { 4: 1320, 6: 1320 },
      hostRoutes: [
        { luid: WIRE, destination: '203.0.113.7', length: 32, nextHop: '192.168.1.1' },
        { luid: AIR, destination: '2001:db8::7', length: 128, nextHop: 'fe80::1' },
      ],
    });
  });

  it('is not influenced by the routes that it has added', () => {
    const own = { luid: WIRE, destination: '203.0.113.7', length: 32, nextHop: '192.168.1.1' };
    const state = snapshot([{ ...own, metric: 0, isManual: true }, air, ...ours]);
    expect(chosen(state, ['203.0.113.7'], [own]).hostRoutes).toEqual([
      { ...own, luid: AIR, nextHop: '192.168.2.1' },
    ]);
    expect(chosen(state).hostRoutes).toEqual([]);
  });

  it('drops what would otherwise go into the tunnel', () => {
    const { bind, mtu, hostRoutes } = chosen(snapshot(ours));
    expect([bind, mtu]).toEqual([{ 4: undefined, 6: undefined }, undefined]);
    expect(hostRoutes).toEqual([
      { luid: LOOPBACK, destination: '203.0.113.7', length: 32, nextHop: '0.0.0.0' },
    ]);
  });

  it('needs no route for what is narrower than the tunnel, or not in it', () => {
    const lan = route(WIRE, '192.168.1.0/24', '0.0.0.0');
    expect(chosen(snapshot([wire, lan, ...ours]), ['192.168.1.9']).hostRoutes).toEqual([]);
    const split = { luid: TUNNEL, networks: ['10.0.0.0/24'] };
    const none = choose(snapshot([]), split, ['203.0.113.7'], [], LOOPBACK);
    expect(none.hostRoutes).toEqual([]);
    // As narrow as the tunnel's own: which one wins would be up to metrics.
    const same = route(WIRE, '10.0.0.0/24', '192.168.1.1');
    expect(chosen(snapshot([wire, same]), ['10.0.0.9']).hostRoutes.length).toBe(1);
  });

  it('has the smallest MTU on the way to a peer, or of the default routes without a peer', () => {
    const narrow = route(AIR, '203.0.113.0/24', '192.168.2.1');
    const state = snapshot([wire, narrow], { 2: { mtu: 9000 }, 3: { mtu: 1400 } });
    expect(chosen(state).mtu).toEqual({ 4: 1320, 6: 1320 });
    expect(chosen(state, ['198.51.100.1']).mtu).toEqual({ 4: 8920, 6: 8920 });
    expect(chosen(state, []).mtu).toEqual({ 4: 8920, 6: 8920 });
    expect(chosen(snapshot([wire], { 2: { mtu: 600 } })).mtu).toEqual({ 4: 576, 6: 1280 });
    const endless = snapshot([wire], { 2: { mtu: 0xffff_ffff } });
    expect(chosen(endless).mtu).toEqual({ 4: 65455, 6: 65455 });
  });
});
