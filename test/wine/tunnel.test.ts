/**
 * A whole tunnel: wg-ts on Windows, as Wine has it, through the stand-in for Wintun and over UDP on
 * loopback to wg-ts on Linux.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { CONDITIONS } from '../../network/windows/firewall-structs.js';
import {
  connect,
  encodeKey,
  generatePrivateKey,
  MemoryTun,
  parseConfig,
  publicKeyOf,
  type Tunnel,
} from '../../src/index.js';
import { systemClock } from '../../system/clock.js';
import { ipPacket } from '../support/packets.js';
import { waitFor } from '../support/waiting.js';
import { fastClock } from './tunnel/fastclock.js';
import { Middle } from './tunnel/middle.js';
import { Transfer } from './tunnel/transfer.js';
import { WindowsHost, type WineRun } from './tunnel/windowshost.js';

const OURS = '10.9.0.2';
const THEIRS = '10.9.0.1';
const MIB = 1024 * 1024;
const BYTES = 100 * MIB;
/** REKEY_AFTER_TIME of two minutes comes after six seconds. */
const SPEED = 20;

interface Wine extends WineRun {
  close(): void;
}
// By computed names: TypeScript has no declarations of scripts.
const load = async (name: string) => await import(new URL(name, import.meta.url).href);
const { whyNoWine } = (await load('./setup.mjs')) as { whyNoWine(): string | undefined };
const { openWindows } = (await load('./run.mjs')) as { openWindows(folder: string): Wine };

const missing = whyNoWine();
if (missing !== undefined)
  describe.skip(`tunnels from Windows (skipped: ${missing})`, () => it('run', () => {}));
else describe('a tunnel from Windows to Linux', () => tunnelTests());

interface Pair {
  readonly windows: WindowsHost;
  readonly linux: Tunnel;
  readonly middle: Middle;
  /** The machine behind the Windows end. */
  readonly far: Socket;
  readonly tun: MemoryTun;
  /** From Linux to Windows, and back. */
  onWindows: (packet: Uint8Array) => void;
  onLinux: (packet: Uint8Array) => void;
}

function tunnelTests(): void {
  let folder: string;
  let wine: Wine;
  const closers: (() => unknown)[] = [];

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'wg-ts-wine-'));
    wine = openWindows(folder);
  }, 400_000);
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  afterAll(() => {
    wine?.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  }, 60_000);

  interface Choices {
    /** Of the client's interface section; its MTU follows the network without. */
    readonly lines?: string;
    readonly allowedIps?: string;
  }

  async function open(dataPlane: 'native' | 'portable', choices: Choices = {}): Promise<Pair> {
    const { lines = 'MTU = 1420', allowedIps = `${THEIRS}/32` } = choices;
    const [ourKey, theirKey] = [generatePrivateKey(), generatePrivateKey()];
    const tun = new MemoryTun({ name: 'linux', capacity: 8192 });
    const server = `[Interface]\nPrivateKey = ${encodeKey(theirKey.expose())}\nMTU = 1420
[Peer]\nPublicKey = ${encodeKey(publicKeyOf(ourKey))}\nAllowedIPs = ${OURS}/32\n`;
    const linux = await connect(parseConfig(server).config, {
      name: 'linux',
      tun,
      clock: fastClock(systemClock(), SPEED),
      udp: { ipv4Address: '127.0.0.1', ipv6: false },
    });
    closers.push(() => linux.close());
    const middle = await Middle.open(linux.status().listenPort);
    closers.push(() => middle.close());
    const far = createSocket('udp4').bind(0, '127.0.0.1');
    closers.push(() => far.close());
    await once(far, 'listening');
    far.setRecvBufferSize(4 * MIB);
    const config = `[Interface]\nPrivateKey = ${encodeKey(ourKey.expose())}\nAddress = ${OURS}/24\n${lines}
[Peer]\nPublicKey = ${encodeKey(publicKeyOf(theirKey))}\nAllowedIPs = ${allowedIps}\nEndpoint = 127.0.0.1:${middle.port}\n`;
    const windows = await WindowsHost.start(wine, folder, {
      config,
      name: 'office',
      dataPlane,
      speed: SPEED,
      farPort: far.address().port,
    });
    closers.push(() => windows.close());
    const pair: Pair = {
      windows,
      linux,
      middle,
      far,
      tun,
      onWindows: () => undefined,
      onLinux: () => undefined,
    };
    far.on('message', (packet) => pair.onWindows(packet));
    tun.connect((packet) => {
      pair.onLinux(packet);
      return true;
    });
    return pair;
  }

  const fromWindows = ({ far, windows }: Pair, packet: Uint8Array): void =>
    far.send(packet, windows.ready.farPort, '127.0.0.1');

  for (const dataPlane of ['portable', 'native'] as const)
    it(`carries 100 MiB each way intact, with rekeying and roaming: ${dataPlane}`, async () => {
      const pair = await open(dataPlane);
      const { windows, linux, middle, tun } = pair;
      onTestFailed(() => console.error(windows.printed()));
      const handshake = async (): Promise<bigint> => linux.status().peers[0]?.latestHandshake ?? 0n;

      const up = new Transfer(BYTES, {
        from: OURS,
        to: THEIRS,
        send: (packet) => fromWindows(pair, packet),
      });
      pair.onLinux = (packet) => up.received(packet);
      const uploading = up.run(120_000);
      await waitFor(async () => expect(await handshake()).toBeGreaterThan(0n));
      const first = await handshake();
      await middle.moveClient();
      const uploaded = await uploading;
      expect(linux.status().peers[0]?.endpoint).toBe(`127.0.0.1:${middle.clientSeenAt}`);

      const down = new Transfer(BYTES, {
        from: THEIRS,
        to: OURS,
        send: (packet) => void tun.inject(packet),
      });
      pair.onWindows = (packet) => down.received(packet);
      const downloading = down.run(120_000);
      await sleep(1000);
      await middle.moveServer();
      const downloaded = await downloading;

      const status = await windows.status();
      expect(status.dataPlane).toBe(dataPlane);
      expect(status.peers[0]?.endpoint).toBe(`127.0.0.1:${middle.port}`);
      expect(Number(status.peers[0]?.rxBytes)).toBeGreaterThan(BYTES);
      expect(Number(status.peers[0]?.txBytes)).toBeGreaterThan(BYTES);
      // REKEY_AFTER_TIME, section 6.2: the side that began the session begins the next one.
      await waitFor(async () => expect(await handshake()).toBeGreaterThan(first));
      const mbits = [uploaded, downloaded].map((rate) => Math.round((rate * 8) / 1e6));
      console.log(`${dataPlane}: ${mbits.join(' and ')} Mbit/s`);
      expect(await windows.down()).toMatchObject({ code: 0 });
    }, 300_000);

  for (const dataPlane of ['portable', 'native'] as const)
    it(`configures the network, follows it, and takes everything back: ${dataPlane}`, async () => {
      const pair = await open(dataPlane, {
        lines: 'DNS = 10.9.0.1, corp.example',
        allowedIps: '0.0.0.0/0',
      });
      const { windows, linux } = pair;
      onTestFailed(() => console.error(windows.printed()));
      let arrived = 0;
      pair.onLinux = () => {
        arrived++;
      };
      const ping = (): void => fromWindows(pair, ipPacket(OURS, THEIRS, 'ping'));
      const arrives = (): Promise<void> =>
        waitFor(() => {
          const before = arrived;
          ping();
          return sleep(100).then(() => expect(arrived).toBeGreaterThan(before));
        });
      await arrives();

      const { network, firewall } = await windows.network();
      const office = network.interfaces.find(({ alias }) => alias === 'office');
      expect(office?.ipv4).toMatchObject({ mtu: 1420, dns: THEIRS, search: 'corp.example' });
      expect(network.addresses).toContainEqual(
        expect.objectContaining({ luid: office?.luid, address: OURS, length: 24 }),
      );
      const routes = network.routes.map((r) => `${r.destination}/${r.length} by ${r.nextHop}`);
      expect(routes).toContain('0.0.0.0/0 by 0.0.0.0');
      expect(firewall.open).toBe(1);
      expect(firewall.filters.length).toBeGreaterThan(10);

      // Without another way to the world nothing leaves: it would only go round.
      await windows.change('unplug');
      await sleep(1500);
      if (dataPlane === 'native') {
        const before = arrived;
        for (let i = 0; i < 5; i++) ping();
        await sleep(500);
        expect(arrived).toBe(before);
      }
      await windows.change('plug');
      await arrives();
      expect(linux.status().peers[0]?.latestHandshake).toBeGreaterThan(0n);

      await windows.change('move');
      const { listenPort } = await windows.status();
      expect(listenPort).not.toBe(windows.ready.listenPort);
      await arrives();
      const { filters } = (await windows.network()).firewall;
      expect(filters.length).toBe(firewall.filters.length);
      const ports = filters
        .filter(({ name }) => name.includes('WireGuard'))
        .flatMap(({ conditions }) => conditions)
        .filter(({ fieldKey }) => fieldKey === CONDITIONS.localPort)
        .map(({ value }) => value);
      expect(new Set(ports)).toEqual(new Set([listenPort]));

      await windows.change('shrink');
      await waitFor(async () => expect((await windows.status()).mtu).toBe(1320));

      const left = await windows.down();
      expect(left.code).toBe(0);
      expect(left.firewall).toMatchObject({ open: 0, filters: [] });
      expect(
        left.network.routes.map((r) => `${r.destination}/${r.length} by ${r.nextHop}`),
      ).toEqual(['0.0.0.0/0 by 192.168.1.1']);
      expect(left.network.addresses).toEqual([]);
      const after = left.network.interfaces.find(({ alias }) => alias === 'office');
      expect(after?.ipv4?.dns ?? '').toBe('');
    }, 120_000);
}
