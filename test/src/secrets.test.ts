import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type Config,
  encodeKey,
  generatePresharedKey,
  generatePrivateKey,
  MemoryTun,
  publicKeyOf,
  type Tunnel,
} from '../../src/index.js';
import { type ConnectProgramOptions, connectProgram } from '../../src/program.js';
import { ipPacket } from '../support/packets.js';
import { freePort } from '../support/ports.js';
import { waitFor } from '../support/waiting.js';
import { configOf, FakeNetConfig, LOOPBACK, MemoryLogger, newKeys, Trace } from './support.js';

const BYTES_IN_A_ROW = 4;
const CHARACTERS_IN_A_ROW = 8;

const ours = generatePrivateKey();
const theirs = generatePrivateKey();
const preshared = generatePresharedKey();
const SECRETS = [ours, theirs, preshared].map((secret) => Uint8Array.from(secret.expose()));
const NEEDLES = [...new Set(SECRETS.flatMap(needlesOf))];

/** All short pieces of the ways in which bytes get printed; without white space. */
function needlesOf(bytes: Uint8Array): string[] {
  const base64 = encodeKey(bytes);
  const hex = Buffer.from(bytes).toString('hex');
  const rows = (text: string): string[] =>
    Array.from({ length: text.length - CHARACTERS_IN_A_ROW + 1 }, (_, i) =>
      text.slice(i, i + CHARACTERS_IN_A_ROW),
    );
  const lists = Array.from(
    { length: bytes.length - BYTES_IN_A_ROW + 1 },
    (_, i) => `,${bytes.subarray(i, i + BYTES_IN_A_ROW).join()},`,
  );
  return [...rows(base64), ...rows(hex), ...rows(hex.toUpperCase()), ...lists];
}

function leaksIn(text: string): string[] {
  const dense = text.replace(/\s+/g, '');
  return NEEDLES.filter((needle) => dense.includes(needle));
}

function printed(value: unknown): string {
  const plain = inspect(value, {
    depth: 10,
    showHidden: true,
    getters: true,
    maxArrayLength: null,
  });
  return `${plain}\n${json(value)}\n${String(value)}`;
}

function json(value: unknown): string {
  return JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? String(v) : v)) ?? '';
}

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const logger = new MemoryLogger();

function configFor(which: 'ours' | 'theirs', lines: string[], peerLines: string[]): Config {
  const [own, other] = which === 'ours' ? [ours, theirs] : [theirs, ours];
  return configOf(encodeKey(own.expose()), lines, [
    `PublicKey = ${encodeKey(publicKeyOf(other))}`,
    `PresharedKey = ${encodeKey(preshared.expose())}`,
    ...peerLines,
  ]);
}

async function up(config: Config, options: ConnectProgramOptions = {}): Promise<Tunnel> {
  const tun = options.netConfig ? {} : { tun: new MemoryTun() };
  const common = { name: 'test', udp: LOOPBACK, logger };
  const tunnel = await connectProgram(config, { ...common, ...tun, ...options });
  cleanups.push(() => tunnel.close());
  return tunnel;
}

describe('the search for secrets', () => {
  it.each([
    ['base64', (b: Uint8Array) => `key ${encodeKey(b)}`],
    ['a piece of base64', (b: Uint8Array) => encodeKey(b).slice(9, 17)],
    ['hex', (b: Uint8Array) => Buffer.from(b).toString('hex')],
    ['a Buffer', (b: Uint8Array) => inspect(Buffer.from(b))],
    ['a Uint8Array', (b: Uint8Array) => inspect({ deep: { key: b } })],
    ['JSON', (b: Uint8Array) => JSON.stringify([...b])],
  ])('finds %s', (_, print) => {
    for (const secret of SECRETS) expect(leaksIn(print(secret))).not.toEqual([]);
  });

  it('finds nothing where there is nothing', () => {
    expect(leaksIn(printed(newKeys()))).toEqual([]);
  });
});

describe('no key shows', () => {
  it('in a tunnel, its status and its log, up and down', async () => {
    const b = await up(configFor('theirs', [], ['AllowedIPs = 10.9.0.1/32']));
    const tun = new MemoryTun();
    const a = await up(
      configFor(
        'ours',
        ['Address = 10.9.0.1/24'],
        [
          'AllowedIPs = 10.9.0.2/32',
          `Endpoint = 127.0.0.1:${b.status().listenPort}`,
          'PersistentKeepalive = 25',
        ],
      ),
      { tun },
    );
    tun.inject(ipPacket('10.9.0.1', '10.9.0.2', 'hello'));
    await waitFor(() => expect(b.status().peers[0]?.latestHandshake).not.toBe(0n));
    const check = (): void => {
      for (const tunnel of [a, b]) {
        expect(leaksIn(printed(tunnel))).toEqual([]);
        expect(leaksIn(printed(tunnel.status()))).toEqual([]);
      }
    };
    check();
    await Promise.all([a.close(), b.close()]);
    check();
    expect(leaksIn(logger.lines.join('\n'))).toEqual([]);
  });

  it('in the errors of a failed bring-up, and in the log', async () => {
    const trace = new Trace();
    cleanups.push(() => trace.remove());
    const port = await freePort();
    await up(configFor('theirs', [`ListenPort = ${port}`], []));
    const openTun = (name: string): MemoryTun => new MemoryTun({ name });
    const failures: { readonly config: Config; readonly options: ConnectProgramOptions }[] = [
      { config: configFor('ours', [`ListenPort = ${port}`], []), options: {} },
      { config: configFor('ours', [], []), options: { name: 'no/name' } },
      {
        config: configFor('ours', [], ['Endpoint = vpn.example:1']),
        options: { resolver: async () => [] },
      },
      {
        config: configFor('ours', ['PostUp = exit 7'], []),
        options: { openTun, allowHooks: true, netConfig: new FakeNetConfig(trace) },
      },
      {
        config: configFor('ours', [], []),
        options: { openTun, netConfig: new FakeNetConfig(trace, { failAt: 2 }) },
      },
    ];
    for (const { config, options } of failures) {
      const error: unknown = await up(config, options).then(
        () => expect.unreachable('it came up'),
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(Error);
      expect(leaksIn(`${printed(error)}\n${(error as Error).stack}`)).toEqual([]);
    }
    expect(leaksIn(logger.lines.join('\n'))).toEqual([]);
  });

  it('and those of the caller stay usable, to be zeroed by the caller', async () => {
    const config = configFor('ours', [], []);
    const tunnel = await up(config);
    await tunnel.close();
    expect(config.interface.privateKey.equals(ours)).toBe(true);
    expect(config.peers[0]?.presharedKey?.equals(preshared)).toBe(true);
  });
});
