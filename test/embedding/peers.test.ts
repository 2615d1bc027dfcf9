import { afterEach, describe, expect, it } from 'vitest';
import {
  connect,
  decodeKey,
  generatePresharedKey,
  MemoryTun,
  type PeerOptions,
  type Tunnel,
} from '../../src/index.js';
import { configOf, LOOPBACK, newKeys, VirtualClock } from '../src/support.js';
import { ipPacket } from '../support/packets.js';
import { waitFor } from '../support/waiting.js';
import { ConnectedPair } from './support.js';

let pair: ConnectedPair | undefined;
const tunnels: Tunnel[] = [];

afterEach(async () => {
  await pair?.close();
  pair = undefined;
  await Promise.all(tunnels.splice(0).map((tunnel) => tunnel.close()));
});

async function open(...options: Parameters<typeof ConnectedPair.open>): Promise<ConnectedPair> {
  pair = await ConnectedPair.open(...options);
  return pair;
}

/** A tunnel without peers. */
async function alone(): Promise<Tunnel> {
  const tun = new MemoryTun();
  const tunnel = await connect(configOf(newKeys().privateKey, []), { tun, udp: LOOPBACK });
  tunnels.push(tunnel);
  return tunnel;
}

describe('addPeer', () => {
  it('connects a peer at once, even by name, and leaves the others as they are', async () => {
    const { a, b, keysA, tunB } = await open();
    await pair?.talk();
    const before = a.peers();
    const keys = newKeys();
    const tun = new MemoryTun({ name: 'c' });
    const c = await connect(configOf(keys.privateKey, []), {
      tun,
      udp: LOOPBACK,
      resolver: async () => ['127.0.0.1'],
    });
    tunnels.push(c);
    await b.addPeer({ publicKey: keys.publicKey, allowedIps: ['10.9.0.3/32'] });
    await c.addPeer({
      publicKey: b.publicKey,
      allowedIps: ['10.9.0.0/24'],
      endpoint: `server.example:${b.listenPort}`,
    });
    const packet = ipPacket('10.9.0.3', '10.9.0.2', 'from c');
    tun.inject(packet);
    await waitFor(() => expect(tunB.received).toContainEqual(packet));
    expect(b.peers().map(({ publicKey }) => publicKey)).toEqual([keysA.publicKey, keys.publicKey]);
    expect(a.peers()[0]?.latestHandshake).toBe(before[0]?.latestHandshake);
  });

  it('changes what is given of a peer that is there, and keeps its session', async () => {
    const { a, keysB } = await open();
    await pair?.talk();
    const { latestHandshake } = a.peers()[0] ?? {};
    const bytes = decodeKey(keysB.publicKey) ?? new Uint8Array();
    await a.addPeer({ publicKey: bytes, persistentKeepalive: 5 });
    await a.addPeer({ publicKey: keysB.publicKey, allowedIps: ['10.9.0.2/32', 'fd09::/64'] });
    expect(a.peers()).toMatchObject([
      { persistentKeepalive: 5, allowedIps: ['10.9.0.2/32', 'fd09::/64'], latestHandshake },
    ]);
    expect(a.state).toBe('connected');
  });

  it('takes a preshared key as text and as a Secret, which stays the caller’s', async () => {
    const { a, b, keysA, keysB } = await open();
    const psk = generatePresharedKey();
    const text = Buffer.from(psk.expose()).toString('base64');
    await a.addPeer({ publicKey: keysB.publicKey, presharedKey: psk });
    await b.addPeer({ publicKey: keysA.publicKey, presharedKey: text });
    await pair?.talk('with a preshared key');
    expect(psk.isZeroed).toBe(false);
    expect(a.peers()[0]?.hasPresharedKey).toBe(true);
    expect(JSON.stringify(b.peers(), (_, v) => String(v))).not.toContain(text);
  });

  const key = newKeys().publicKey;
  it.each<[string, PeerOptions]>([
    ['publicKey', { publicKey: 'short' }],
    ['publicKey', { publicKey: new Uint8Array(31) }],
    ['presharedKey', { publicKey: key, presharedKey: 'c2VjcmV0' }],
    ['allowedIps', { publicKey: key, allowedIps: ['10.0.0.0/33'] }],
    ['allowedIps', { publicKey: key, allowedIps: [{ address: new Uint8Array(4), length: 40 }] }],
    ['endpoint', { publicKey: key, endpoint: 'vpn.example.com' }],
    ['endpoint', { publicKey: key, endpoint: { host: 'x', port: 0 } }],
    ['persistentKeepalive', { publicKey: key, persistentKeepalive: 65_536 }],
  ])('refuses a wrong %s, and says so without a secret', async (what, options) => {
    const tunnel = await alone();
    const error = (await tunnel.addPeer(options).catch((e: unknown) => e)) as Error;
    expect(error).toMatchObject({ code: 'ERR_USAGE' });
    expect(error.message).toContain(`the peer's ${what}`);
    expect(error.message).not.toContain('c2VjcmV0');
    expect(tunnel.peers()).toEqual([]);
  });

  it('refuses the tunnel’s own key, and an aborted wait changes nothing', async () => {
    const tunnel = await alone();
    const own = tunnel.addPeer({ publicKey: tunnel.publicKey });
    await expect(own).rejects.toMatchObject({ code: 'ERR_USAGE' });
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    const aborted = tunnel.addPeer({ publicKey: key, endpoint: '192.0.2.1:1' }, { signal });
    await expect(aborted).rejects.toBe(reason);
    const literal = tunnel.addPeer({ publicKey: key }, { signal });
    await expect(literal).rejects.toBe(reason);
    expect(tunnel.peers()).toEqual([]);
  });
});

describe('removePeer', () => {
  it('ends the sessions of the peer, and returns whether it was there', async () => {
    const { a, b, keysA, tunA, tunB } = await open();
    await pair?.talk();
    expect(await b.removePeer(keysA.publicKey)).toBe(true);
    expect(await b.removePeer(keysA.publicKey)).toBe(false);
    expect([b.peers(), b.state]).toEqual([[], 'up']);
    tunA.inject(ipPacket('10.9.0.1', '10.9.0.2', 'too late'));
    await b.addPeer({ publicKey: newKeys().publicKey });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(tunB.received).toHaveLength(1);
    expect(a.peers()).toHaveLength(1);
  });
});

describe('setConfig', () => {
  it('touches only what has changed', async () => {
    const { a, keysA } = await open();
    await pair?.talk();
    const { latestHandshake, endpoint } = a.peers()[0] ?? {};
    const other = newKeys().publicKey;
    const peers = [pair?.peerB() ?? [], [`PublicKey = ${other}`, 'AllowedIPs = 10.8.0.0/16']];
    await a.setConfig(configOf(keysA.privateKey, [], ...peers));
    expect(a.peers()).toMatchObject([
      { latestHandshake, endpoint },
      { publicKey: other, allowedIps: ['10.8.0.0/16'] },
    ]);
    expect(a.state).toBe('connected');
    await a.setConfig(
      configOf(keysA.privateKey, [], pair?.peerB(['PersistentKeepalive = 9']) ?? []),
    );
    expect(a.peers()).toMatchObject([{ latestHandshake, persistentKeepalive: 9 }]);
    await a.setConfig(`[Interface]\nPrivateKey = ${keysA.privateKey}\n`);
    expect([a.peers(), a.state]).toEqual([[], 'up']);
  });

  it('leaves a peer where it has roamed to, unless its Endpoint is another one', async () => {
    const { a, b, keysA, keysB } = await open();
    await pair?.talk();
    await b.configure({ listenPort: 0, peers: [] });
    await a.addPeer({ publicKey: keysB.publicKey, endpoint: '127.0.0.1:9' });
    const config = configOf(keysA.privateKey, [], pair?.peerB() ?? []);
    await a.setConfig(config);
    expect(a.peers()[0]?.endpoint).toBe('127.0.0.1:9');
    const elsewhere = (pair?.peerB() ?? []).map((line) =>
      line.startsWith('Endpoint') ? 'Endpoint = 127.0.0.1:7' : line,
    );
    await a.setConfig(configOf(keysA.privateKey, [], elsewhere));
    expect(a.peers()[0]?.endpoint).toBe('127.0.0.1:7');
  });

  it('refuses keys that take effect at connect only, by name, and changes nothing', async () => {
    const { a, keysA } = await open();
    const changed = configOf(keysA.privateKey, ['MTU = 1300']);
    const refused = a.setConfig(changed);
    await expect(refused).rejects.toMatchObject({ code: 'ERR_RESTART_NEEDED' });
    await expect(refused).rejects.toThrow(/^MTU cannot change/);
    expect(a.peers()).toHaveLength(1);
  });

  it('refuses what is not a configuration, and a name that does not exist', async () => {
    const { a, keysA } = await open({ a: { resolver: async () => [] } });
    await expect(a.setConfig('[Peer]')).rejects.toMatchObject({ code: 'ERR_CONFIG' });
    const [publicKey = ''] = pair?.peerB() ?? [];
    const lost = configOf(keysA.privateKey, [], [publicKey, 'Endpoint = nowhere.example:1']);
    await expect(a.setConfig(lost)).rejects.toMatchObject({ code: 'ERR_RESOLVE' });
    expect(a.peers()[0]?.endpoint).toContain('127.0.0.1');
  });
});

describe('handshake', () => {
  it('waits for a session, at once when there is one, and makes a new one when asked', async () => {
    const clock = new VirtualClock();
    const { a, b, keysB } = await open({ a: { clock }, b: { clock } });
    const first = await a.handshake();
    expect(first.publicKey).toBe(keysB.publicKey);
    expect(first.latestHandshake).toBeGreaterThan(0n);
    expect(a.stats()).toMatchObject({ peers: 1, connectedPeers: 1 });
    expect(await a.handshake(keysB.publicKey)).toMatchObject({
      latestHandshake: first.latestHandshake,
    });
    clock.advance(5000);
    const again = await a.handshake({ rekey: true });
    expect(again.latestHandshake).toBeGreaterThan(first.latestHandshake);
    await pair?.talk('under the new session');
    expect(b.stats().connectedPeers).toBe(1);
  });

  it('gives up after 90 seconds, by its signal, and when the peer or the tunnel goes', async () => {
    const clock = new VirtualClock();
    const tun = new MemoryTun();
    const silent = newKeys().publicKey;
    const peer = [`PublicKey = ${silent}`, 'Endpoint = 127.0.0.1:9'];
    const config = configOf(newKeys().privateKey, [], peer);
    const tunnel = await connect(config, { tun, udp: LOOPBACK, clock });
    tunnels.push(tunnel);
    const givenUp = expect(tunnel.handshake()).rejects.toMatchObject({
      code: 'ERR_HANDSHAKE_TIMEOUT',
    });
    for (let i = 0; i < 30; i++) {
      clock.advance(5000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await givenUp;
    const reason = new Error('enough');
    const controller = new AbortController();
    const aborted = expect(tunnel.handshake({ signal: controller.signal })).rejects.toBe(reason);
    controller.abort(reason);
    await aborted;
    const removed = expect(tunnel.handshake()).rejects.toMatchObject({ code: 'ERR_NO_PEER' });
    await tunnel.removePeer(silent);
    await removed;
    await expect(tunnel.handshake(silent)).rejects.toMatchObject({ code: 'ERR_NO_PEER' });
    await expect(tunnel.handshake()).rejects.toMatchObject({ code: 'ERR_USAGE' });
    await tunnel.addPeer({ publicKey: silent });
    await expect(tunnel.handshake()).rejects.toMatchObject({ code: 'ERR_NO_ENDPOINT' });
    await tunnel.addPeer({ publicKey: silent, endpoint: '127.0.0.1:9' });
    const closed = expect(tunnel.handshake()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await tunnel.close();
    await closed;
    await expect(tunnel.handshake()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(clock.waiting).toBe(0);
  });
});
