// What is compared: each kind brings up both ends of a tunnel between the lab's namespaces, with the
// same configuration files. Another data plane is one more line in `KINDS`.
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CLI =
  process.env.WG_TS_CLI ?? fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url));

const INNER_CLIENT = '10.64.0.2';
const INNER_SERVER = '10.64.0.1';
const PORT = 51820;

const bareVeth = {
  name: 'bare veth',
  isTunnel: false,
  whyNot: () => undefined,
  prepare: (lab) => ({
    target: lab.serverAddress,
    up: async () => {},
    down: async () => {},
  }),
};

export const KINDS = [
  bareVeth,
  tunnelKind(
    'wireguard-go',
    (verb, file) => ['wg-quick', verb, file],
    { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' },
    () => undefined,
  ),
  wgTs('portable'),
];

function wgTs(dataPlane) {
  return tunnelKind(
    `wg-ts ${dataPlane}`,
    (verb, file) => [process.execPath, CLI, verb, file],
    { WG_TS_DATAPLANE: dataPlane },
    () => (existsSync(CLI) ? undefined : 'wg-ts is not built'),
  );
}

function tunnelKind(name, command, env, whyNot) {
  return {
    name,
    isTunnel: true,
    whyNot,
    /** Ends for `client` and `server`; `peers` are public keys that the server knows besides. */
    prepare(lab, keys, peers = []) {
      const file = (end) => join(lab.folder, `wgb${lab.id}${end}.conf`);
      writeFileSync(
        file('c'),
        config(keys.client, INNER_CLIENT, 0, [
          [keys.server.publicKey, `${INNER_SERVER}/32`, `${lab.serverAddress}:${PORT}`],
        ]),
        { mode: 0o600 },
      );
      writeFileSync(
        file('s'),
        config(keys.server, INNER_SERVER, PORT, [
          [keys.client.publicKey, `${INNER_CLIENT}/32`],
          ...peers.map((peer) => [peer]),
        ]),
        { mode: 0o600 },
      );
      const run = (namespace, verb, end) => lab.run(namespace, command(verb, file(end)), env);
      const isUp = { c: false, s: false };
      return {
        target: INNER_SERVER,
        port: PORT,
        async up(end) {
          isUp[end] = true;
          await run(end === 'c' ? lab.client : lab.server, 'up', end);
        },
        async down() {
          for (const end of ['c', 's'])
            if (isUp[end]) await run(end === 'c' ? lab.client : lab.server, 'down', end);
        },
      };
    },
  };
}

/** Base64, as in configuration files. */
export function newKeyPair() {
  const { d, x } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  const base64 = (text) => Buffer.from(text, 'base64url').toString('base64');
  return { privateKey: base64(d), publicKey: base64(x) };
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
