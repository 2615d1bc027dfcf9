/** Changes by the program and by wg(8) that meet: each ends as if one had come after the other. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { InterfaceSettings, NetStep } from '../../network/netconfig.js';
import { decodeKey, MemoryTun, type Tunnel, type UapiChange } from '../../src/index.js';
import { connectProgram, type StatusSource } from '../../src/program.js';
import { parseChange } from '../../src/uapi/change.js';
import { freePort } from '../support/ports.js';
import { waitFor } from '../support/waiting.js';
import { configOf, FakeNetConfig, type Keys, LOOPBACK, newKeys, Trace } from './support.js';

let trace: Trace;
let keys: Keys;
let tunnel: Tunnel | undefined;
/** As the socket for wg(8) has it. */
let source: StatusSource | undefined;
let letRoutesBe = (): void => undefined;
let routesMayBe: Promise<void> = Promise.resolve();

beforeEach(() => {
  trace = new Trace();
  keys = newKeys();
});
afterEach(async () => {
  letRoutesBe();
  await tunnel?.close();
  tunnel = undefined;
  trace.remove();
});

const [first, second, third] = [newKeys().publicKey, newKeys().publicKey, newKeys().publicKey];

/** A tunnel of which each new route is made when `letRoutesBe` is called. */
async function up(...peers: readonly (readonly string[])[]): Promise<Tunnel> {
  routesMayBe = new Promise((resolve) => {
    letRoutesBe = resolve;
  });
  const netConfig = Object.assign(new FakeNetConfig(trace, { steps: 1 }), {
    async routeStep(_: InterfaceSettings, route: string): Promise<NetStep> {
      return {
        describe: `route ${route}`,
        undo: [{ argv: ['no', 'route', route] }],
        async apply() {
          trace.note(`route ${route}`);
          await routesMayBe;
        },
      };
    },
  });
  tunnel = await connectProgram(config(...peers), {
    name: 'office',
    udp: LOOPBACK,
    netConfig,
    openTun: (name) => new MemoryTun({ name }),
    expose: async (exposed) => {
      source = exposed;
      return () => undefined;
    },
  });
  return tunnel;
}

function config(...peers: readonly (readonly string[])[]): ReturnType<typeof configOf> {
  return configOf(keys.privateKey, [], ...peers);
}

function peer(publicKey: string, allowedIps: string, ...lines: readonly string[]): string[] {
  return [`PublicKey = ${publicKey}`, `AllowedIPs = ${allowedIps}`, ...lines];
}

/** As wg(8) does it. */
function set(change: UapiChange): Promise<void> {
  if (!source) throw new Error('not up');
  return source.change(parseChange(change));
}

function bytesOf(key: string): Uint8Array {
  return decodeKey(key) ?? new Uint8Array();
}

/** Gives the first peer another keepalive, adds the second, and waits for its route. */
async function setConfigThatWaits(office: Tunnel): Promise<{ readonly done: Promise<void> }> {
  const done = office.setConfig(
    config(peer(first, '10.1.0.0/16', 'PersistentKeepalive = 9'), peer(second, '10.2.0.0/16')),
  );
  await waitFor(() => expect(trace.lines.at(-1)).toBe('route 10.2.0.0/16'));
  return { done };
}

it('a peer that wg set removes while routes are made does not come back in part', async () => {
  const office = await up(peer(first, '10.1.0.0/16'));
  const { done } = await setConfigThatWaits(office);
  const removed = set({ peers: [{ publicKey: bytesOf(first), remove: true }] });
  letRoutesBe();
  await Promise.all([done, removed]);
  expect(office.peers()).toMatchObject([{ publicKey: second, allowedIps: ['10.2.0.0/16'] }]);
});

it('wg setconf while routes are made is not mixed with the change they are made for', async () => {
  const office = await up(peer(first, '10.1.0.0/16'));
  const { done } = await setConfigThatWaits(office);
  const only = { publicKey: bytesOf(third), allowedIps: ['10.3.0.0/16'] };
  const replaced = set({ replacePeers: true, peers: [only] });
  letRoutesBe();
  await Promise.all([done, replaced]);
  expect(office.peers()).toMatchObject([{ publicKey: third, allowedIps: ['10.3.0.0/16'] }]);
});

it('wg set waits for its turn, and makes no route', async () => {
  const office = await up(peer(first, '10.1.0.0/16'));
  const { done } = await setConfigThatWaits(office);
  const added = set({ peers: [{ publicKey: bytesOf(third), allowedIps: ['10.3.0.0/16'] }] });
  await new Promise((resolve) => setImmediate(resolve));
  expect(office.peers()).toHaveLength(1);
  letRoutesBe();
  await Promise.all([done, added]);
  expect(office.peers().map(({ publicKey }) => publicKey)).toEqual([first, second, third]);
  expect(trace.lines.filter((line) => line.includes('route'))).toEqual(['route 10.2.0.0/16']);
});

it('setConfig sees what wg set has begun before it', async () => {
  const lines = ['PersistentKeepalive = 5'];
  const office = await up(peer(first, '10.1.0.0/16'));
  const listenPort = await freePort();
  // The other port takes its time, and comes first.
  const removed = set({ listenPort, peers: [{ publicKey: bytesOf(first), remove: true }] });
  const done = office.setConfig(config(peer(first, '10.1.0.0/16', ...lines)));
  await Promise.all([removed, done]);
  expect(office.peers()).toMatchObject([
    { publicKey: first, allowedIps: ['10.1.0.0/16'], persistentKeepalive: 5 },
  ]);
});

it('routes that wg set has left behind go with the next change of the program', async () => {
  const office = await up(peer(first, '10.1.0.0/16'), peer(second, '10.2.0.0/16'));
  letRoutesBe();
  await set({ peers: [{ publicKey: bytesOf(first), replaceAllowedIps: true, allowedIps: [] }] });
  expect(trace.lines).not.toContain('no route 10.1.0.0/16');
  await office.addPeer({ publicKey: third, allowedIps: ['10.3.0.0/16'] });
  expect(trace.lines.slice(-2)).toEqual(['route 10.3.0.0/16', 'no route 10.1.0.0/16']);
});
