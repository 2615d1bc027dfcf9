/** The errors of docs/errors.md as a program meets them: each is provoked through the public API. */
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  type AnyWgTsError,
  type Config,
  ConfigError,
  type ConnectOptions,
  connect,
  encodeKey,
  formatConfig,
  generatePresharedKey,
  isWgTsError,
  MemoryTun,
  packetStream,
  serveMetrics,
  type Tunnel,
  type WgTsErrorCode,
} from '../../src/index.js';
import { type ConnectProgramOptions, connectProgram } from '../../src/program.js';
import {
  configOf,
  FakeNetConfig,
  LOOPBACK,
  newKeys,
  nextTurn,
  Trace,
  VirtualClock,
} from './support.js';

const ours = newKeys();
const theirs = newKeys();
const presharedKey = encodeKey(generatePresharedKey().expose());
const peer = [`PublicKey = ${theirs.publicKey}`, `PresharedKey = ${presharedKey}`];
const withEndpoint = [...peer, 'Endpoint = 127.0.0.1:9'];

/** What needs a system to be provoked, and where that is done. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  ERR_ADDRESS_IN_USE: 'test/tun/netconfig.test.ts',
  ERR_INTERFACE_EXISTS: 'test/netns/once/tun.test.ts',
  ERR_NETCONFIG: 'test/netns/once/tun.test.ts',
  ERR_NO_TUN: 'test/windows/wintun/loading.test.ts',
  ERR_ROUTE_IN_USE: 'test/tun/linux/takenroutes.test.ts',
  ERR_SEND: 'test/src/udp.test.ts',
  ERR_TUN: 'test/netns/once/tun.test.ts',
};

const tunnels: Tunnel[] = [];

afterEach(async () => {
  await Promise.all(tunnels.splice(0).map((tunnel) => tunnel.close()));
});

function config(interfaceLines: readonly string[] = [], peerLines = peer): Config {
  return configOf(ours.privateKey, interfaceLines, peerLines);
}

async function up(what: Config | string = config(), options: ConnectOptions = {}): Promise<Tunnel> {
  const tunnel = await connect(what, { tun: new MemoryTun(), udp: LOOPBACK, ...options });
  tunnels.push(tunnel);
  return tunnel;
}

const silentTransport = (): NonNullable<ConnectOptions['transport']> => ({
  port: 1,
  start: () => undefined,
  send: () => undefined,
  close: () => undefined,
});

async function withoutAnswer(): Promise<void> {
  const clock = new VirtualClock();
  const tunnel = await up(config([], withEndpoint), { clock, transport: silentTransport() });
  const waiting = tunnel.handshake();
  waiting.catch(() => undefined);
  for (let second = 0; second < 120; second++) {
    clock.advance(1000);
    await nextTurn();
  }
  await waiting;
}

async function withoutPrivilege(): Promise<void> {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    await up(config(), { tun: undefined as never, name: 'wgts-noroot' });
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

async function withFailingHook(): Promise<void> {
  const trace = new Trace();
  onTestFinished(() => trace.remove());
  const { tun: _, ...options }: ConnectProgramOptions = {
    name: 'hooked',
    openTun: (name) => new MemoryTun({ name }),
    netConfig: new FakeNetConfig(trace),
    allowHooks: true,
  };
  tunnels.push(await connectProgram(config(['PreUp = exit 3']), { udp: LOOPBACK, ...options }));
}

async function onTakenPort(): Promise<void> {
  const { listenPort } = await up();
  await up(config([`ListenPort = ${listenPort}`]));
}

async function onTakenMetricsPort(): Promise<void> {
  const tunnel = await up();
  const server = await serveMetrics(tunnel, { host: '127.0.0.1', port: 0 });
  try {
    await serveMetrics(tunnel, server.address);
  } finally {
    await server.close();
  }
}

async function onClosed(): Promise<void> {
  const tunnel = await up();
  await tunnel.close();
  await tunnel.addPeer({ publicKey: theirs.publicKey });
}

async function withWrongPacket(): Promise<void> {
  const stream = packetStream(new MemoryTun());
  const failed = new Promise((_, reject) => stream.once('error', reject));
  stream.write('no packet');
  await failed;
}

type Provoked = readonly [
  code: WgTsErrorCode,
  className: string,
  how: string,
  provoke: () => Promise<unknown>,
];

const PROVOKED: readonly Provoked[] = [
  ['ERR_USAGE', 'WgTsError', 'a tun that is none', () => up(config(), { tun: {} as never })],
  [
    'ERR_USAGE',
    'WgTsError',
    'an invalid key',
    async () => (await up()).addPeer({ publicKey: `${theirs.publicKey}=`, presharedKey }),
  ],
  [
    'ERR_USAGE',
    'WgTsError',
    'an invalid preshared key',
    async () =>
      (await up()).addPeer({ publicKey: newKeys().publicKey, presharedKey: `${presharedKey}x` }),
  ],
  [
    'ERR_USAGE',
    'WgTsError',
    'handshake() of a tunnel without peers',
    async () => (await up(configOf(ours.privateKey, []))).handshake(),
  ],
  ['ERR_USAGE', 'WgTsError', 'a text as packet', withWrongPacket],
  [
    'ERR_CONFIG',
    'ConfigError',
    'a text that is no configuration',
    () =>
      up(
        `[Interface]\nPrivateKey = ${ours.privateKey}x\n[Peer]\nPresharedKey = ${presharedKey}=\n`,
      ),
  ],
  [
    'ERR_CONFIG',
    'WgTsError',
    'a command that no file can hold',
    async () =>
      formatConfig({ ...config(), interface: { ...config().interface, postUp: ['a # b'] } }),
  ],
  ['ERR_NAME', 'WgTsError', 'a name with a slash', () => up(config(), { name: 'a/b' })],
  [
    'ERR_UNSUPPORTED',
    'WgTsError',
    'the native plane with a transport of ours',
    () => up(config(), { transport: silentTransport(), dataPlane: 'native' }),
  ],
  ['ERR_PORT_IN_USE', 'UdpError', 'a ListenPort that another tunnel has', onTakenPort],
  ['ERR_PORT_IN_USE', 'WgTsError', 'metrics on a port that others have', onTakenMetricsPort],
  [
    'ERR_MARK',
    'UdpError',
    'FwMark with a transport that has none',
    () => up(config(['FwMark = 7']), { transport: silentTransport() }),
  ],
  [
    'ERR_SOCKET',
    'UdpError',
    'an address that this machine does not have',
    () => up(config(), { udp: { ipv4Address: '192.0.2.1', ipv6: false } }),
  ],
  [
    'ERR_RESOLVE',
    'WgTsError',
    'an unknown name',
    () => up(config([], [...peer, 'Endpoint = vpn.example:51820']), { resolver: async () => [] }),
  ],
  ['ERR_HOOK', 'WgTsError', 'a PreUp that fails', withFailingHook],
  [
    'ERR_CHANGE',
    'ChangeError',
    'AllowedIPs that are none',
    async () =>
      (await up()).configure({
        peers: [{ publicKey: new Uint8Array(32).fill(1), allowedIps: ['x'] }],
      }),
  ],
  [
    'ERR_RESTART_NEEDED',
    'WgTsError',
    'another MTU',
    async () => (await up()).setConfig(config(['MTU = 1300'])),
  ],
  ['ERR_HANDSHAKE_TIMEOUT', 'WgTsError', 'a peer that does not answer', withoutAnswer],
  [
    'ERR_NO_PEER',
    'WgTsError',
    'a handshake with a stranger',
    async () => (await up()).handshake(newKeys().publicKey),
  ],
  [
    'ERR_NO_ENDPOINT',
    'WgTsError',
    'a handshake with a peer of unknown place',
    async () => (await up()).handshake(),
  ],
  ['ERR_CLOSED', 'WgTsError', 'a peer for a closed tunnel', onClosed],
];

/** Fails when nothing is thrown, or something of another package. */
async function errorOf(provoke: () => Promise<unknown>): Promise<AnyWgTsError> {
  const error = await provoke().then(
    () => 'nothing was thrown',
    (reason: unknown) => reason,
  );
  if (isWgTsError(error)) return error;
  throw new Error('not an error of wg-ts', { cause: error });
}

function expectPresentable(error: AnyWgTsError): void {
  const hint = 'hint' in error ? error.hint : undefined;
  const problems = error instanceof ConfigError ? error.problems : [];
  for (const line of [error.message, ...(hint === undefined ? [] : [hint])]) {
    expect(line).toMatch(/^\S.*\S$/u);
    expect(line).not.toMatch(/[\r\n\u2028\u2029]/u);
  }
  const everything = JSON.stringify([error.message, hint, error.stack, problems, { ...error }]);
  for (const secret of [ours.privateKey, presharedKey])
    expect(everything).not.toContain(secret.slice(0, 12));
}

describe('a program meets', () => {
  it.each(PROVOKED)('%s, a %s, by %s', async (code, className, _, provoke) => {
    const error = await errorOf(provoke);
    expect(error.code).toBe(code);
    expect(error.constructor.name).toBe(className);
    expect(error.name).toBe(className);
    expectPresentable(error);
  });

  it.skipIf(!existsSync('/dev/net/tun'))(
    'ERR_NOT_ROOT, a TunError, without privilege',
    async () => {
      const error = await errorOf(withoutPrivilege);
      expect([error.code, error.name]).toEqual(['ERR_NOT_ROOT', 'TunError']);
      expectPresentable(error);
    },
  );

  it('the reason of its own signal, which is not an error of wg-ts', async () => {
    const reason = new Error('changed my mind');
    const thrown = await up(config(), { signal: AbortSignal.abort(reason) }).catch(
      (e: unknown) => e,
    );
    expect(thrown).toBe(reason);
    expect(isWgTsError(thrown)).toBe(false);
  });
});

it('every code of docs/errors.md is met here, or in the test that is named for it', () => {
  const root = new URL('../../', import.meta.url);
  const [, codes = ''] = readFileSync(new URL('docs/errors.md', root), 'utf8').split(
    '\n## Codes\n',
  );
  const documented = [...(codes.split('\n## ')[0] ?? '').matchAll(/^\| `(ERR_\w+)`/gm)].map(
    ([, c]) => c,
  );
  const here = [...PROVOKED.map(([code]) => code), 'ERR_NOT_ROOT', ...Object.keys(ELSEWHERE)];
  expect([...new Set(documented)].sort()).toEqual([...new Set(here)].sort());
  for (const [code, file] of Object.entries(ELSEWHERE))
    expect(readFileSync(new URL(file, root), 'utf8'), file).toMatch(new RegExp(`\\b${code}\\b`));
});
