import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultProviders } from '../../crypto/providers.js';
import { Device } from '../../protocol/device.js';
import { decodeKey } from '../../src/config/key.js';
import { LiveConfiguration } from '../../src/control/configuration.js';
import { Driver } from '../../src/control/driver.js';
import { PortableDataPlane } from '../../src/dataplane/portable.js';
import {
  connect,
  generatePresharedKey,
  generatePrivateKey,
  MemoryTun,
  publicKeyOf,
  type Tunnel,
} from '../../src/index.js';
import { TunnelChanges } from '../../src/tunnel/changes.js';
import {
  ChangeError,
  type DeviceChange,
  type UapiChange,
  type UapiPeerChange,
} from '../../src/uapi/change.js';
import { openUdp, UdpError } from '../../udp/open.js';
import { ipPacket } from '../support/packets.js';
import { freePort, takePort } from '../support/ports.js';
import { waitFor } from '../support/waiting.js';
import { configOf, type Keys, LOOPBACK, MemoryLogger, newKeys, VirtualClock } from './support.js';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function bytesOf(key: string): Uint8Array {
  const bytes = decodeKey(key);
  if (!bytes) throw new Error('no key');
  return bytes;
}

async function refusal(promise: Promise<void>): Promise<ChangeError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof ChangeError) return error;
  throw new Error('the change was not refused', { cause: error });
}

describe('a tunnel that is up', () => {
  let [ours, theirs]: [Keys, Keys] = [newKeys(), newKeys()];
  let [a, b]: [Tunnel | undefined, Tunnel | undefined] = [undefined, undefined];
  let [tunA, tunB] = [new MemoryTun(), new MemoryTun()];

  beforeEach(async () => {
    [ours, theirs] = [newKeys(), newKeys()];
    [tunA, tunB] = [new MemoryTun({ name: 'a' }), new MemoryTun({ name: 'b' })];
    b = await up(tunB, theirs.privateKey, [
      `PublicKey = ${ours.publicKey}`,
      'AllowedIPs = 10.9.0.1/32',
    ]);
    a = await up(tunA, ours.privateKey, [
      `PublicKey = ${theirs.publicKey}`,
      'AllowedIPs = 10.9.0.2/32',
      'PersistentKeepalive = 25',
      `Endpoint = 127.0.0.1:${b.status().listenPort}`,
    ]);
  });

  async function up(tun: MemoryTun, key: string, peer: readonly string[]): Promise<Tunnel> {
    const { name } = tun;
    const config = configOf(key, [], peer);
    const tunnel = await connect(config, { name, tun, udp: LOOPBACK, dataPlane: 'portable' });
    closers.push(() => tunnel.close());
    return tunnel;
  }

  function tunnels(): { readonly a: Tunnel; readonly b: Tunnel } {
    if (!a || !b) throw new Error('not up');
    return { a, b };
  }

  const change = (wanted: Partial<UapiChange>): Promise<void> =>
    tunnels().a.configure({ peers: [], ...wanted });
  const peer = (more: Partial<UapiPeerChange> = {}): UapiPeerChange => ({
    publicKey: bytesOf(theirs.publicKey),
    ...more,
  });

  async function send(text: string): Promise<void> {
    const packet = ipPacket('10.9.0.1', '10.9.0.2', text);
    tunA.inject(packet);
    await waitFor(() => expect(tunB.received).toContainEqual(packet));
  }

  async function answer(text: string): Promise<void> {
    const packet = ipPacket('10.9.0.2', '10.9.0.1', text);
    tunB.inject(packet);
    await waitFor(() => expect(tunA.received).toContainEqual(packet));
  }

  const latestHandshake = (): bigint => tunnels().a.status().peers[0]?.latestHandshake ?? 0n;

  describe('with replacePeers', () => {
    it('keeps the session of a peer that stays, and removes the others', async () => {
      const other = publicKeyOf(generatePrivateKey());
      await change({ peers: [{ publicKey: other, allowedIps: ['10.8.0.0/16'] }] });
      expect(tunnels().a.status().peers).toHaveLength(2);
      await send('before');
      const before = latestHandshake();
      await change({ replacePeers: true, peers: [peer({ allowedIps: ['10.9.0.0/24'] })] });
      expect(tunnels().a.status().peers).toMatchObject([
        { publicKey: theirs.publicKey, allowedIps: ['10.9.0.0/24'] },
      ]);
      await send('after');
      await answer('back');
      expect(before).toBeGreaterThan(0n);
      expect(latestHandshake()).toBe(before);
    });

    it('clears what is not said of a peer again, except its endpoint', async () => {
      await change({ peers: [peer({ presharedKey: generatePresharedKey() })] });
      const [before] = tunnels().a.status().peers;
      expect(before).toMatchObject({ hasPresharedKey: true, persistentKeepalive: 25 });
      await change({ replacePeers: true, peers: [peer()] });
      const [left] = tunnels().a.status().peers;
      expect(left).toMatchObject({
        hasPresharedKey: false,
        persistentKeepalive: 0,
        allowedIps: [],
        endpoint: before?.endpoint,
      });
    });

    it('adds up what is said of a peer more than once', async () => {
      const presharedKey = generatePresharedKey();
      const peers = [
        peer({ allowedIps: ['10.1.0.0/16'], presharedKey }),
        peer({ allowedIps: ['10.2.0.0/16'], persistentKeepalive: 9 }),
      ];
      await change({ replacePeers: true, peers });
      expect(tunnels().a.status().peers).toMatchObject([
        {
          hasPresharedKey: true,
          persistentKeepalive: 9,
          allowedIps: ['10.1.0.0/16', '10.2.0.0/16'],
        },
      ]);
      expect(tunnels().a.readConfiguration().peers[0]?.presharedKey?.equals(presharedKey)).toBe(
        true,
      );
    });
  });

  it('leaves what is not mentioned as it is', async () => {
    const presharedKey = generatePresharedKey();
    await change({ peers: [peer({ presharedKey, allowedIps: ['10.1.0.0/16'] })] });
    const before = tunnels().a.status();
    await change({ peers: [peer()] });
    expect(tunnels().a.status()).toEqual(before);
    expect(before.peers[0]?.allowedIps).toEqual(['10.9.0.2/32', '10.1.0.0/16']);
    await change({ peers: [peer({ removeAllowedIps: ['10.9.0.2/32'] })] });
    expect(tunnels().a.status().peers[0]?.allowedIps).toEqual(['10.1.0.0/16']);
  });

  it('goes on with its sessions on another port, and frees the former one', async () => {
    await send('before');
    const [before, { listenPort: former }] = [latestHandshake(), tunnels().a.status()];
    const port = await freePort();
    await change({ listenPort: port });
    expect(tunnels().a.status().listenPort).toBe(port);
    await takePort(former);
    await send('from the other port');
    await answer('to the other port');
    expect(tunnels().b.status().peers[0]?.endpoint).toBe(`127.0.0.1:${port}`);
    expect(latestHandshake()).toBe(before);
  });

  it('has a port chosen for 0, and keeps one that was chosen', async () => {
    const { listenPort: chosen } = tunnels().a.status();
    await change({ listenPort: 0 });
    expect(tunnels().a.status().listenPort).toBe(chosen);
    await change({ listenPort: chosen });
    expect(tunnels().a.status().listenPort).toBe(chosen);
    // Now it was asked for, so that 0 is something else.
    await change({ listenPort: 0 });
    const { listenPort } = tunnels().a.status();
    expect(listenPort).toBeGreaterThan(0);
    expect(listenPort).not.toBe(chosen);
    await send('after');
  });

  it('changes nothing when the port is taken', async () => {
    await send('before');
    const before = tunnels().a.status();
    const { listenPort } = tunnels().b.status();
    const refused = await refusal(
      change({
        listenPort,
        replacePeers: true,
        privateKey: generatePrivateKey(),
        peers: [peer({ remove: true })],
      }),
    );
    expect(refused).toMatchObject({ name: 'ChangeError', code: 'ERR_CHANGE', errno: 98 });
    expect(refused.message).toContain(`UDP port ${listenPort} is in use`);
    expect(tunnels().a.status()).toEqual(before);
    await send('after');
    await answer('back');
    // What was refused is not taken for what is wanted.
    expect((await refusal(change({ listenPort }))).errno).toBe(98);
  });

  it.each([
    ['a network', { allowedIps: ['10.0.0.0/33'] }],
    ['a network to take away', { removeAllowedIps: ['10.0.0.0/33'] }],
    ['an endpoint', { endpoint: 'nowhere' }],
    ['an endpoint with a name', { endpoint: 'vpn.example.com:51820' }],
  ])('changes nothing when %s is invalid', async (_, wrong) => {
    const before = tunnels().a.status();
    const peers = [peer({ remove: true }), peer(wrong)];
    const refused = await refusal(change({ listenPort: await freePort(), peers }));
    expect(refused).toMatchObject({ code: 'ERR_CHANGE', errno: 22 });
    expect(tunnels().a.status()).toEqual(before);
  });

  it('ends its sessions with another private key, and reads all back', async () => {
    await send('before');
    const privateKey = generatePrivateKey();
    await change({ privateKey });
    const read = tunnels().a.readConfiguration();
    expect(read.privateKey?.equals(privateKey)).toBe(true);
    expect(read).toMatchObject({ dataPlane: 'portable', fwMark: 0 });
    const publicKey = publicKeyOf(privateKey);
    await tunnels().b.configure({ peers: [{ publicKey, allowedIps: ['10.9.0.1/32'] }] });
    await send('as another');
  });

  it('has no sockets left when it goes down in the middle of a change', async () => {
    const port = await freePort();
    const changing = change({ listenPort: port }).catch(() => undefined);
    await tunnels().a.close();
    await changing;
    await takePort(port);
    const late = change({ peers: [{ publicKey: publicKeyOf(generatePrivateKey()) }] });
    await expect(late).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(tunnels().a.status().peers).toEqual([]);
  });
});

/** A device whose sockets and mark are only noted. */
class Marked {
  readonly noted: string[] = [];
  readonly live: LiveConfiguration;
  readonly changes: TunnelChanges;
  /** What the next port, or the next mark, fails with. */
  readonly failures: { port?: Error; mark?: Error } = {};
  /** The next port has to wait for it. */
  gate: Promise<void> | undefined;
  readonly #driver: Driver;

  private constructor(plane: PortableDataPlane, port: number, fwMark: number, routing: boolean) {
    const clock = new VirtualClock();
    const device = new Device(
      { privateKey: generatePrivateKey() },
      { random: randomBytes, wallNanos: clock.wallNanos },
    );
    this.#driver = new Driver(device, plane, clock);
    const noting = Object.assign(plane, {
      listen: async (wanted: number) => {
        this.noted.push(`port ${wanted}`);
        await this.gate;
        this.noted.push(`port ${wanted} is open`);
        this.#mayFail('port');
        return wanted;
      },
      setMark: (mark: number) => {
        this.noted.push(`mark ${mark}`);
        this.#mayFail('mark');
      },
    });
    const parts = { device, plane: noting, driver: this.#driver };
    this.live = new LiveConfiguration(
      { ...parts, listenPort: port, mtu: 1420, fwMark },
      {
        wantedPort: port,
        routingMark: routing ? fwMark : 0,
        onChanged: () => this.noted.push('changed'),
      },
    );
    const nothing = (): void => undefined;
    const connector = { setPeer: nothing, forget: nothing, close: nothing };
    this.changes = new TunnelChanges(
      { device, live: this.live, connector, routes: undefined, resolving: {} },
      configOf(newKeys().privateKey, []),
    );
  }

  static async open(options: { fwMark: number; isRouting?: boolean }): Promise<Marked> {
    const udp = await openUdp(LOOPBACK);
    const plane = new PortableDataPlane({
      tun: new MemoryTun(),
      udp,
      open: () => openUdp(LOOPBACK),
      mtu: 1420,
      aead: defaultProviders().aead,
      clock: new VirtualClock(),
      logger: new MemoryLogger(),
      onTunError: () => undefined,
    });
    const marked = new Marked(plane, udp.port, options.fwMark, options.isRouting === true);
    closers.push(() => marked.#driver.close());
    return marked;
  }

  get state(): { readonly listenPort: number; readonly fwMark: number; readonly peers: number } {
    const { listenPort, fwMark, peers } = this.live.read();
    return { listenPort, fwMark, peers: peers.length };
  }

  #mayFail(what: 'port' | 'mark'): void {
    const failure = this.failures[what];
    delete this.failures[what];
    if (failure) throw failure;
  }
}

describe('the firewall mark', () => {
  it('that was chosen for the routes stays when none is asked for', async () => {
    const { live, noted } = await Marked.open({ fwMark: 51_820, isRouting: true });
    await live.change({ fwMark: 0, peers: [] });
    expect(live.read().fwMark).toBe(51_820);
    await live.change({ fwMark: 7, peers: [] });
    expect(live.read().fwMark).toBe(7);
    await live.change({ fwMark: 0, peers: [] });
    expect(live.read().fwMark).toBe(51_820);
    expect(noted.filter((note) => note !== 'changed')).toEqual(['mark 7', 'mark 51820']);
  });

  it('of the configuration goes when none is asked for', async () => {
    const { live, noted } = await Marked.open({ fwMark: 7 });
    await live.change({ peers: [] });
    expect(live.read().fwMark).toBe(7);
    await live.change({ fwMark: 0, peers: [] });
    expect(live.read().fwMark).toBe(0);
    expect(noted).toEqual(['changed', 'mark 0', 'changed']);
  });

  it('is as before when the port is refused', async () => {
    const marked = await Marked.open({ fwMark: 7 });
    const { live, noted, state } = marked;
    marked.failures.port = new UdpError('ERR_PORT_IN_USE', 'taken');
    const peers = [{ publicKey: publicKeyOf(generatePrivateKey()) }];
    const refused = await refusal(live.change({ fwMark: 8, listenPort: 9, peers }));
    expect(refused.errno).toBe(98);
    expect(refused.cause).toBeInstanceOf(UdpError);
    expect(marked.state).toEqual(state);
    expect(noted).toEqual(['mark 8', 'port 9', 'port 9 is open', 'mark 7']);
  });

  it.each([
    ['what the system forbids', new UdpError('ERR_MARK', 'forbidden'), 1],
    ['an error of the sockets', new UdpError('ERR_SOCKET', 'broken'), undefined],
    ['any other error', new Error('broken'), undefined],
  ])('that is refused changes nothing: %s', async (_, failure, errno) => {
    const marked = await Marked.open({ fwMark: 7 });
    const { live, state } = marked;
    marked.failures.mark = failure;
    const refused = await refusal(live.change({ fwMark: 8, listenPort: 9, peers: [] }));
    expect(refused).toMatchObject({ code: 'ERR_CHANGE', message: failure.message });
    expect(refused.errno).toBe(errno);
    expect(refused.cause).toBe(failure);
    expect(marked.state).toEqual(state);
    expect(marked.noted).toEqual(['mark 8']);
  });
});

describe('several changes at once', () => {
  it('are done one after the other, also after one that was refused', async () => {
    const marked = await Marked.open({ fwMark: 0 });
    const { noted } = marked;
    const change = (wanted: DeviceChange): Promise<void> =>
      marked.changes.configure(wanted, { routes: false });
    let open = (): void => undefined;
    marked.gate = new Promise((resolve) => {
      open = resolve;
    });
    marked.failures.port = new UdpError('ERR_PORT_IN_USE', 'taken');
    const publicKey = publicKeyOf(generatePrivateKey());
    const changes = [
      refusal(change({ listenPort: 1, peers: [] })),
      change({ listenPort: 2, peers: [{ publicKey }] }),
      change({ listenPort: 3, fwMark: 4, peers: [{ publicKey, remove: true }] }),
    ];
    await new Promise((resolve) => setImmediate(resolve));
    expect(noted).toEqual(['port 1']);
    open();
    await Promise.all(changes);
    expect(noted).toEqual([
      ...['port 1', 'port 1 is open'],
      ...['port 2', 'port 2 is open', 'changed'],
      ...['mark 4', 'port 3', 'port 3 is open', 'changed'],
    ]);
    expect(marked.state).toEqual({ listenPort: 3, fwMark: 4, peers: 0 });
  });
});
