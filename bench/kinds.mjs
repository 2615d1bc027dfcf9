// The programs that are compared: each kind brings up both ends of a tunnel between the lab's namespaces,
// with the same configuration files.
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeKey, generatePrivateKey, publicKeyOf } from '../dist/src/index.js';
import { PEERS, versionOf } from './peers.mjs';
import { hasMapped } from './processes.mjs';
import { inShort } from './tables.mjs';

export const CLI =
  process.env.WG_TS_CLI ?? fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const BUILD = new URL('../native/build.mjs', import.meta.url);

const INNER_CLIENT = '10.64.0.2';
const INNER_SERVER = '10.64.0.1';
const PORT = 51820;

export const NATIVE = 'wg-ts native';
export const NULL_CIPHER = 'wg-ts native (null cipher)';
export const BARE = 'bare veth';

/**
 * Resolves to the kinds that `wanted` names (by the whole name, or else a part of it; none: all), ready to
 * be measured, and the reasons why others are not. Everything is built here, before anything is measured;
 * `folder` takes what is built for this run only.
 */
export async function prepareKinds(wanted, folder) {
  const kinds = [];
  const missing = [];
  for (const { name, make } of DECLARED.filter(({ name }) => isWanted(name, wanted)))
    try {
      kinds.push(await make(name, folder));
    } catch (error) {
      missing.push(`${name}: ${inShort(error)}`);
    }
  return { kinds, missing };
}

function isWanted(name, wanted) {
  const all = DECLARED.map((kind) => kind.name);
  return (
    wanted.length === 0 ||
    wanted.some((word) => (all.includes(word) ? name === word : name.includes(word)))
  );
}

/** `make` throws when the machine cannot run the kind. */
const DECLARED = [
  { name: BARE, make: bareVeth },
  {
    name: 'wireguard-go (packaged)',
    make(name) {
      const version = versionOf('wireguard-go');
      if (!version) throw new Error('no wireguard-go in PATH');
      return wgQuick(name, 'wireguard-go', version);
    },
  },
  ...PEERS.map(({ name, build }) => ({
    name,
    make() {
      const { program, version } = build();
      return wgQuick(name, program, version);
    },
  })),
  { name: 'wg-ts portable', make: (name) => wgTs(name, 'portable', {}) },
  {
    name: NATIVE,
    async make(name) {
      const library = process.env.WG_TS_NATIVE_LIBRARY ?? (await builtLibrary());
      return wgTs(name, 'native', {}, library);
    },
  },
  {
    name: NULL_CIPHER,
    async make(name, folder) {
      const library = join(folder, 'libwgts-null-cipher.so');
      const { compile, sources } = await import(BUILD.href);
      compile({ out: library, files: sources(), flags: ['-DWG_TS_NULL_CIPHER'] });
      return wgTs(name, 'native', { WG_TS_NATIVE_LIBRARY: library }, library);
    },
  },
];

/** Resolves to the library of `npm run build:native`. An outdated one is refused: it would mislead. */
async function builtLibrary() {
  const { LIB, targetName } = await import(BUILD.href);
  const built = fileURLToPath(
    new URL(`../dist/native/${targetName()}/libwgts.so`, import.meta.url),
  );
  if (!existsSync(built)) throw new Error('no native library: npm run build:native');
  const changed = readdirSync(LIB).map((file) => statSync(join(LIB, file)).mtimeMs);
  if (statSync(built).mtimeMs < Math.max(...changed))
    throw new Error('the native library is older than its sources: npm run build:native');
  return built;
}

function bareVeth(name) {
  return {
    name,
    isTunnel: false,
    prepare: (lab) => ({ target: lab.serverAddress, up: async () => {}, down: async () => {} }),
  };
}

/** A program that wg-quick drives. WG_SUDO keeps those from dropping their privileges that would. */
function wgQuick(name, program, version) {
  if (existsSync('/sys/module/wireguard'))
    throw new Error('wg-quick would use the WireGuard of this kernel instead');
  const env = {
    WG_QUICK_USERSPACE_IMPLEMENTATION: program,
    WG_SUDO: 'true',
    WG_LOG_LEVEL: 'error',
  };
  return tunnelKind({ name, version, command: (verb, file) => ['wg-quick', verb, file], env });
}

function wgTs(name, dataPlane, env, library = 'libwgts.so') {
  if (!existsSync(CLI)) throw new Error('wg-ts is not built');
  return tunnelKind({
    name,
    command: (verb, file) => [process.execPath, CLI, verb, file],
    env: { WG_TS_DATAPLANE: dataPlane, ...env },
    verify(pid) {
      if (hasMapped(pid, library) !== (dataPlane === 'native'))
        throw new Error(`the process does not run the ${dataPlane} data plane with ${library}`);
    },
  });
}

function tunnelKind({ name, version, command, env, verify = () => {} }) {
  return {
    name,
    version,
    isTunnel: true,
    /**
     * Returns a tunnel with ends for `client` and `server`. `peers` are more public keys for the server;
     * `variation` is added to the environment of both ends.
     */
    prepare(lab, keys, { peers = [], variation = {} } = {}) {
      const namespaces = { c: lab.client, s: lab.server };
      const file = (end) => join(lab.folder, `${lab.tunnelPrefix}${end}.conf`);
      writeConfigs(file, lab, keys, peers);
      const run = (verb, end) =>
        lab.run(namespaces[end], command(verb, file(end)), {
          ...env,
          ...variation,
          WG_LOG_FILE: join(lab.folder, `${end}.log`),
        });
      const isUp = { c: false, s: false };
      return {
        target: INNER_SERVER,
        port: PORT,
        async up(end) {
          isUp[end] = true;
          await run('up', end);
          if (end === 's') verify(lab.tunnelPid(lab.server));
        },
        async down() {
          for (const end of ['c', 's']) if (isUp[end]) await run('down', end);
          // wg-quick deletes the interface, but not every program ends with it.
          lab.clear();
        },
      };
    },
  };
}

function writeConfigs(file, lab, keys, peers) {
  const server = [keys.server.publicKey, `${INNER_SERVER}/32`, `${lab.serverAddress}:${PORT}`];
  const clients = [[keys.client.publicKey, `${INNER_CLIENT}/32`], ...peers.map((peer) => [peer])];
  writeFileSync(file('c'), config(keys.client, INNER_CLIENT, 0, [server]), { mode: 0o600 });
  writeFileSync(file('s'), config(keys.server, INNER_SERVER, PORT, clients), { mode: 0o600 });
}

/** Returns a key pair in base64, as in configuration files. */
export function newKeyPair() {
  const key = generatePrivateKey();
  return { privateKey: encodeKey(key.expose()), publicKey: encodeKey(publicKeyOf(key)) };
}

function config(keys, address, port, peers) {
  const lines = ['[Interface]', `PrivateKey = ${keys.privateKey}`, `Address = ${address}/24`];
  if (port) lines.push(`ListenPort = ${port}`);
  lines.push('MTU = 1420');
  for (const [publicKey, allowedIps, endpoint] of peers) {
    lines.push('[Peer]', `PublicKey = ${publicKey}`);
    if (allowedIps) lines.push(`AllowedIPs = ${allowedIps}`);
    if (endpoint) lines.push(`Endpoint = ${endpoint}`);
  }
  return `${lines.join('\n')}\n`;
}

export const kindNames = () => DECLARED.map(({ name }) => name);
