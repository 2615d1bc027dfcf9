import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../crypto/secret.js';
import type { Action, DataPlane, DataPlaneEvent, Endpoint } from '../../protocol/dataplane.js';
import { Device } from '../../protocol/device.js';
import { Driver } from '../../src/control/driver.js';
import { type Connector, keepConnected } from '../../src/control/endpoints/connector.js';
import type { ReachablePeer } from '../../src/control/endpoints/peerlink.js';
import { isSame } from '../../src/control/endpoints/rotation.js';
import { MemoryLogger, nextTurn, VirtualClock } from '../src/support.js';
import { Prng } from '../support/prng.js';

const PORT = 51_820;
const at = (address: string): Endpoint => ({ address, port: PORT });
const [V6, V4, OTHER, NEW, ROAMED] = [
  '2001:db8::1',
  '192.0.2.1',
  '192.0.2.2',
  '192.0.2.7',
  '198.51.100.1',
].map(at) as [Endpoint, Endpoint, Endpoint, Endpoint, Endpoint];

/** Remembers where each initiation went to, and completes handshakes on request. */
class Wire implements DataPlane {
  readonly name = 'wire';
  /** Addresses to which initiations went, in order. */
  readonly initiations: string[] = [];
  #endpoint: Endpoint | undefined;
  #listener: (batch: readonly DataPlaneEvent[]) => void = () => undefined;
  onInitiation: (message: Uint8Array, to: Endpoint) => void = () => undefined;

  apply(action: Action): void {
    if (action.type === 'setPeer' && action.endpoint) this.#endpoint = action.endpoint;
    if (action.type === 'handshakeAuthenticated') this.#endpoint = action.from;
    if (action.type !== 'sendHandshake' || action.message[0] !== 1 || !this.#endpoint) return;
    this.initiations.push(this.#endpoint.address);
    this.onInitiation(action.message, this.#endpoint);
  }

  onEvents(listener: (batch: readonly DataPlaneEvent[]) => void): void {
    this.#listener = listener;
  }

  emit(event: DataPlaneEvent): void {
    this.#listener([event]);
  }

  transfer() {
    return { rxBytes: 0n, txBytes: 0n };
  }

  async close(): Promise<void> {}
}

const prng = new Prng(7);
const deviceOf = (clock: VirtualClock): Device => {
  using privateKey = Secret.take(prng.bytes(32));
  return new Device({ privateKey }, { random: (n) => prng.bytes(n), wallNanos: clock.wallNanos });
};

describe('keepConnected', () => {
  let clock: VirtualClock;
  let logger: MemoryLogger;
  let wire: Wire;
  let device: Device;
  let server: Device;
  let driver: Driver;
  let connector: Connector | undefined;
  let names: Record<string, string[]>;
  let asked: string[];
  let moved: number;

  beforeEach(() => {
    clock = new VirtualClock();
    logger = new MemoryLogger();
    wire = new Wire();
    device = deviceOf(clock);
    server = deviceOf(clock);
    driver = new Driver(device, wire, clock);
    names = {};
    asked = [];
    moved = 0;
    connector = undefined;
    server.configure(clock.now(), { publicKey: device.publicKey });
  });

  afterEach(async () => {
    connector?.close();
    await driver.close();
    expect(clock.waiting).toBe(0);
  });

  /** Endpoints are named by their hosts; a name is resolved to `addresses` at first. */
  function start(
    endpoints: Readonly<Record<string, readonly Endpoint[]>>,
    options: { readonly reresolveInterval?: number; readonly keepalive?: number } = {},
  ): void {
    const { keepalive, ...others } = options;
    const peer: ReachablePeer = {
      publicKey: server.publicKey,
      endpoints: Object.keys(endpoints).map((host) => ({ host, port: PORT })),
      addresses: Object.values(endpoints),
    };
    const [first] = peer.addresses.flat();
    if (!first) throw new Error('no address');
    driver.configure({
      publicKey: peer.publicKey,
      endpoint: first,
      ...(keepalive && { persistentKeepalive: keepalive }),
    });
    connector = keepConnected({
      device,
      driver,
      clock,
      logger,
      peers: [peer],
      resolver: async (host) => {
        asked.push(host);
        const found = names[host];
        if (found) return found;
        throw Object.assign(new Error(host), { code: 'EAI_AGAIN' });
      },
      onMoved: () => moved++,
      ...others,
    });
  }

  /** Packets want out. */
  const traffic = (): void => wire.emit({ type: 'needsHandshake', peer: 1 });

  const pass = async (seconds: number): Promise<void> => {
    for (let i = 0; i < seconds * 4; i++) {
      clock.advance(250);
      await nextTurn();
      await nextTurn();
    }
  };

  /** The peer answers at these addresses, from where it was asked. */
  const answersAt = (...places: readonly Endpoint[]): void => {
    wire.onInitiation = (message, to) => {
      if (!places.some((place) => isSame(place, to))) return;
      const from = at('203.0.113.9');
      server.handleEvent(clock.now(), { type: 'handshake', messageType: 1, message, from });
      server.handleTimeout(clock.now());
      for (let a = server.pollAction(); a; a = server.pollAction()) {
        if (a.type !== 'sendHandshake') continue;
        const { message: response } = a;
        const answer = { type: 'handshake', messageType: 2, message: response, from: to } as const;
        setImmediate(() => wire.emit(answer));
      }
    };
  };

  const where = (): string | undefined => device.peers()[0]?.endpoint?.address;

  it('tries the next address when no handshake completes, and stays where one does', async () => {
    start({ 'vpn.example': [V6, V4] });
    answersAt(V4);
    traffic();
    await pass(12);
    expect(wire.initiations).toEqual([V6.address, V4.address]);
    expect(where()).toBe(V4.address);
    expect(moved).toBe(1);
    await pass(60);
    expect(wire.initiations).toHaveLength(2);
  });

  it('goes round through all endpoints, in order', async () => {
    start({ 'vpn.example': [V6, V4], [OTHER.address]: [OTHER] });
    traffic();
    await pass(18);
    expect(wire.initiations).toEqual([V6, V4, OTHER, V6].map(({ address }) => address));
  });

  it('asks an address that has worked twice, and comes back to it in each round', async () => {
    start({ 'vpn.example': [V6, V4], [OTHER.address]: [OTHER] });
    answersAt(V4);
    traffic();
    await pass(12);
    answersAt();
    wire.initiations.length = 0;
    clock.advance(200_000);
    traffic();
    await pass(23);
    expect(wire.initiations).toEqual([V4, V4, V6, OTHER, V4].map(({ address }) => address));
  });

  it('looks the name up when it gets no answer, and goes to the new address at once', async () => {
    start({ 'vpn.example': [V4] });
    names['vpn.example'] = [NEW.address];
    answersAt(NEW);
    traffic();
    await pass(4);
    expect(asked).toEqual([]);
    await pass(3);
    expect(asked).toEqual(['vpn.example']);
    expect(wire.initiations).toEqual([V4.address, NEW.address]);
    expect(where()).toBe(NEW.address);
    expect(logger.lines).toContainEqual(expect.stringMatching(/^info: .*192\.0\.2\.7:51820/));
    await pass(60);
    expect(asked).toHaveLength(1);
  });

  it('looks the name up with the first handshake for a peer that has fallen silent', async () => {
    start({ 'vpn.example': [V4] });
    answersAt(V4);
    traffic();
    await pass(20);
    expect(asked).toEqual([]);
    names['vpn.example'] = [NEW.address];
    answersAt(NEW);
    traffic();
    await pass(1);
    expect(asked).toEqual(['vpn.example']);
    expect(where()).toBe(NEW.address);
  });

  it('asks no name when a session is renewed', async () => {
    start({ 'vpn.example': [V4] });
    answersAt(V4);
    traffic();
    await pass(121);
    traffic();
    await pass(1);
    expect(wire.initiations).toHaveLength(2);
    expect(asked).toEqual([]);
  });

  it('asks no name while nothing wants out, nor for an address', async () => {
    start({ 'vpn.example': [V4] });
    await pass(60);
    expect(asked).toEqual([]);
    expect(clock.waiting).toBe(0);
  });

  it('looks up less and less often while the peer is away', async () => {
    start({ 'vpn.example': [V4] });
    traffic();
    await pass(90);
    expect(wire.initiations.length).toBeGreaterThan(10);
    expect(asked.length).toBeGreaterThan(2);
    expect(asked.length).toBeLessThan(6);
    expect(logger.lines.filter((line) => line.startsWith('warn'))).toHaveLength(1);
  });

  it('looks up at the interval, and moves a peer that is not where its name says', async () => {
    start({ 'vpn.example': [V4] }, { reresolveInterval: 30, keepalive: 25 });
    answersAt(V4, NEW);
    traffic();
    names['vpn.example'] = [V4.address];
    await pass(31);
    expect(asked).toHaveLength(1);
    expect(where()).toBe(V4.address);
    names['vpn.example'] = [NEW.address];
    await pass(31);
    expect(asked).toHaveLength(2);
    expect(where()).toBe(NEW.address);
    expect(wire.initiations.at(-1)).toBe(NEW.address);
  });

  it('leaves a peer where it has roamed to, for as long as it is heard from', async () => {
    start({ 'vpn.example': [V4] }, { reresolveInterval: 30 });
    answersAt(V4);
    traffic();
    await pass(2);
    wire.emit({ type: 'roamed', peer: 1, endpoint: ROAMED });
    names['vpn.example'] = [NEW.address];
    await pass(40);
    expect(where()).toBe(ROAMED.address);
    // No handshake for longer than a session lives: now its name is believed.
    await pass(120);
    names['vpn.example'] = [OTHER.address];
    await pass(31);
    expect(where()).toBe(OTHER.address);
  });

  it('leaves a peer alone whose endpoint was set by another part', async () => {
    start({ 'vpn.example': [V6, V4] });
    driver.configure({ publicKey: server.publicKey, endpoint: ROAMED });
    traffic();
    await pass(20);
    expect(new Set(wire.initiations)).toEqual(new Set([ROAMED.address]));
    expect(asked).toEqual([]);
  });

  it('takes other endpoints for a peer, or none', async () => {
    start({ 'vpn.example': [V6, V4] });
    connector?.setPeer({
      publicKey: server.publicKey,
      endpoints: [{ host: OTHER.address, port: PORT }],
      addresses: [[OTHER]],
    });
    traffic();
    await pass(7);
    expect(wire.initiations).toEqual([V6.address, OTHER.address]);
    connector?.forget(server.publicKey);
    await pass(7);
    expect(new Set(wire.initiations.slice(1))).toEqual(new Set([OTHER.address]));
  });

  it('does nothing after close', async () => {
    start({ 'vpn.example': [V6, V4] }, { reresolveInterval: 1 });
    traffic();
    connector?.close();
    connector?.close();
    await pass(20);
    expect(new Set(wire.initiations)).toEqual(new Set([V6.address]));
    expect(asked).toEqual([]);
  });
});
