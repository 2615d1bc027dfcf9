/** The verbs of wg(8), each beside wg itself: on interfaces of wg-ts and on those of wireguard-go. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Lab } from '../support/lab.js';
import { labTest } from '../support/lab.js';
import { mustRun, type RunOptions, type RunResult, run } from '../support/process.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import { INNER, PORT, startPair } from '../support/topology.js';
import { ping } from '../support/traffic.js';
import {
  Client,
  command,
  newKeyPair,
  newPresharedKey,
  type TunnelSpec,
  WireguardGo,
} from '../support/tunnel.js';

const FIELDS = [
  'public-key',
  'private-key',
  'listen-port',
  'fwmark',
  'peers',
  'preshared-keys',
  'endpoints',
  'allowed-ips',
  'latest-handshakes',
  'transfer',
  'persistent-keepalive',
  'dump',
];

const byWg = (args: readonly string[], options?: RunOptions): Promise<RunResult> =>
  run(['wg', ...args], options);
const byUs = (args: readonly string[], options?: RunOptions): Promise<RunResult> =>
  run(command(...args), options);

/** What concerns one interface: others of this machine come and go. */
function partOf(name: string, output: string): string {
  const own = output
    .replaceAll('\x1b', '^')
    .split(/\n(?=\^\[0m\^\[32m|interface: )/)
    .filter((block) => /^\S*interface\S*: /.test(block) && block.includes(name));
  if (own.length > 0) return own.map((block) => block.trimEnd()).join('\n');
  return output
    .split('\n')
    .filter((line) => line.startsWith(`${name}\t`))
    .join('\n');
}

/** What wg prints again and again until `isOver`, and once more then. */
async function answersUntil(
  isOver: () => boolean,
  ask: () => Promise<RunResult>,
): Promise<RunResult[]> {
  const answers: RunResult[] = [];
  for (let isLast = false; !isLast; await sleep(20)) {
    isLast = isOver();
    answers.push(await ask());
  }
  return answers;
}

const TRIES = 8;

/**
 * Times tick and counters count: ours is one of those that wg gives meanwhile. Only where it can be
 * that wg was not asked between two ticks, there is another try.
 */
async function expectSame(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  part: (output: string) => string = (output) => output,
): Promise<void> {
  const options = { env: { NO_COLOR: '', ...env } };
  for (let left = TRIES - 1; ; left--) {
    let isOver = false;
    const wanted = answersUntil(
      () => isOver,
      () => byWg(args, options),
    );
    const ours = await byUs(args, options);
    isOver = true;
    const answers = (await wanted).map(({ code, stdout }) => ({
      args,
      code,
      stdout: part(stdout),
    }));
    const answer = { args, code: ours.code, stdout: part(ours.stdout) };
    for (const { stdout } of answers) expect(stdout).not.toBe('');
    const distinct = new Set(answers.map(({ stdout }) => stdout));
    if (distinct.has(answer.stdout) || distinct.size === 1 || left === 0) {
      const same = answers.find(({ stdout }) => stdout === answer.stdout);
      expect(answer).toEqual(same ?? answers.at(-1));
      return;
    }
  }
}

describeSystem('the verbs of wg(8)', TUNNEL, () => {
  labTest.skipIf(isReference)('show what wg shows, to the byte', async ({ lab }) => {
    const pair = await startPair(lab, { withPresharedKey: true, keepalive: 7 });
    const sent = await ping(pair.client.namespace, INNER.server.v4, { count: 2 });
    expect(sent.received).toBe(2);
    for (const name of [pair.client.name, pair.server.name]) {
      await Promise.all(FIELDS.map((field) => expectSame(['show', name, field])));
      await expectSame(['showconf', name]);
      await expectSame(['show', name]);
      for (const WG_COLOR_MODE of ['always', 'never'])
        await expectSame(['show', name], { WG_COLOR_MODE, WG_HIDE_KEYS: 'never' });
      for (const what of ['dump', 'endpoints'])
        await expectSame(['show', 'all', what], {}, (text) => partOf(name, text));
      await expectSame(['show'], { WG_COLOR_MODE: 'always' }, (text) => partOf(name, text));
      const names = await byUs(['show', 'interfaces']);
      expect(names.stdout.trimEnd().split(' ')).toContain(name);
      const json = JSON.parse((await byUs(['show', 'interfaces', '--json'])).stdout) as object;
      expect(json).toEqual({ interfaces: expect.arrayContaining([name]) });
    }
    const all = await mustRun(command('show', 'all', '--json'));
    for (const { name, spec } of [pair.server]) {
      expect(all).toContain(`"${name}"`);
      expect(all).not.toContain(spec.keys.privateKey);
      expect(all).not.toContain(spec.peers[0]?.presharedKey);
    }
  });

  labTest.skipIf(isReference)('change what wg changes: wireguard-go', async ({ lab }) => {
    const start = async (spec: TunnelSpec, label: string): Promise<string> => {
      const interfaceOf = new WireguardGo(lab, await lab.namespace(label), spec);
      await interfaceOf.start();
      return interfaceOf.name;
    };
    await compareChanges(lab, start);
  });

  labTest.skipIf(isReference)('change what wg changes: wg-ts', async ({ lab }) => {
    const start = async (spec: TunnelSpec, label: string): Promise<string> => {
      const client = new Client(lab, await lab.namespace(label), spec);
      await client.up();
      return client.name;
    };
    const name = await compareChanges(lab, start);
    const peer = newKeyPair().publicKey;
    const allow = async (networks: string): Promise<string> => {
      await mustRun(command('set', name, 'peer', peer, 'allowed-ips', networks));
      return mustRun(['wg', 'show', name, 'allowed-ips']);
    };
    expect(await allow('10.1.0.0/16')).toBe(`${peer}\t10.1.0.0/16\n`);
    expect((await allow('+10.2.0.0/16')).trim().split(/\s/).sort()).toEqual(
      ['10.1.0.0/16', '10.2.0.0/16', peer].sort(),
    );
    expect(await allow('-10.1.0.0/16')).toBe(`${peer}\t10.2.0.0/16\n`);
  });

  labTest.skipIf(isReference)(
    'leave sessions alone that syncconf need not touch',
    async ({ lab }) => {
      const pair = await startPair(lab, { withPresharedKey: true });
      const reach = async () =>
        (await ping(pair.client.namespace, INNER.server.v4, { count: 1 })).received;
      expect(await reach()).toBe(1);
      const { name } = pair.client;
      const before = (await pair.client.peer()).latestHandshake;
      const other = newKeyPair().publicKey;
      const conf = await mustRun(['wg', 'showconf', name]);
      const file = fileIn(lab, 'sync', `${conf}\n[Peer]\nPublicKey = ${other}\n`);
      expect(await byUs(['syncconf', name, file])).toMatchObject({ code: 0, stderr: '' });
      expect(await mustRun(['wg', 'show', name, 'peers'])).toContain(other);
      expect(await reach()).toBe(1);
      const times = await mustRun(['wg', 'show', name, 'latest-handshakes']);
      expect(times).toContain(`${pair.server.spec.keys.publicKey}\t${before}\n`);
    },
  );

  labTest.skipIf(isReference)('end with 1 and a hint after a mistake', async ({ lab }) => {
    const name = lab.interfaceName();
    const key = newKeyPair().publicKey;
    const bad = fileIn(lab, 'bad', '[Interface]\nAddress = 10.0.0.1/8\n');
    for (const [args, message] of [
      [['show', name], `Unable to access interface ${name}: No such device`],
      [['showconf', name], `Unable to access interface ${name}: No such device`],
      [['set', name, 'fwmark', '1'], `Unable to modify interface ${name}: No such device`],
      [['set', name, 'peer', 'x', 'remove'], 'the key of a peer'],
      [['set', name, 'peer', key, 'listen-port', '1'], 'belongs before the first peer'],
      [['set', name], 'usage: wg-ts set'],
      [['show', name, 'nothing'], 'Invalid parameter'],
      [['show', name, 'peers', 'x'], 'usage: wg-ts show'],
      [['showconf'], 'usage: wg-ts showconf'],
    ] as const) {
      const { code, stdout, stderr } = await byUs(args);
      expect({ args, code, stdout }).toEqual({ args, code: 1, stdout: '' });
      expect(stderr).toMatch(/^error: .*\nhint: .*\n$/);
      expect(stderr).toContain(message);
    }
    for (const verb of ['setconf', 'addconf', 'syncconf']) {
      const { code, stderr } = await byUs([verb, name, bad]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/bad:2:1: Address is a key of wg-quick/);
    }
  });
});

function fileIn(lab: Lab, label: string, text: string): string {
  const file = join(lab.folder, label);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

/** Some interfaces tell peers and their networks in an order of the moment. */
async function stateOf(name: string): Promise<string[]> {
  const conf = await mustRun(['wg', 'showconf', name]);
  const sorted = conf.replace(
    /^AllowedIPs = (.*)$/gm,
    (_, list: string) => `AllowedIPs = ${list.split(', ').sort().join(', ')}`,
  );
  return sorted
    .split(/\n\n/)
    .map((block) => block.trim())
    .sort();
}

/**
 * The same steps by wg on one interface and by wg-ts on another, with one state after each. Returns
 * the name of the latter, which then has no peer.
 */
async function compareChanges(
  lab: Lab,
  start: (spec: TunnelSpec, label: string) => Promise<string>,
): Promise<string> {
  const [own, a, b, c] = [newKeyPair(), newKeyPair(), newKeyPair(), newKeyPair()];
  const spec: TunnelSpec = {
    keys: newKeyPair(),
    addresses: ['10.64.0.2/32'],
    listenPort: PORT,
    peers: [{ publicKey: c.publicKey, allowedIps: ['10.64.1.0/24'] }],
  };
  const [left, right] = [await start(spec, 'left'), await start(spec, 'right')];
  const psk = newPresharedKey();
  const keyFile = fileIn(lab, 'own.key', `${own.privateKey}\n`);
  const pskFile = fileIn(lab, 'psk', psk);
  const head = `[Interface]\nPrivateKey = ${own.privateKey}\nListenPort = 51900\nFwMark = 0x22\n`;
  const peer = (publicKey: string, ...lines: string[]): string =>
    ['[Peer]', `PublicKey = ${publicKey}`, ...lines, ''].join('\n');
  const added = fileIn(lab, 'added', peer(c.publicKey, 'AllowedIPs = 10.3.0.1/16, 10.1.0.0/16'));
  const whole = fileIn(
    lab,
    'whole',
    head + peer(a.publicKey, 'AllowedIPs = ::/0', 'Endpoint = [::1]:9') + peer(b.publicKey),
  );
  const synced = fileIn(
    lab,
    'synced',
    head.replace('0x22', '35') + peer(c.publicKey, 'PersistentKeepalive = 9') + peer(a.publicKey),
  );
  const steps: readonly (readonly string[])[] = [
    ['set', 'private-key', keyFile, 'listen-port', '51899', 'fwmark', '0x11'],
    ['set', 'peer', a.publicKey, 'preshared-key', pskFile, 'endpoint', '127.0.0.1:9'],
    ['set', 'peer', a.publicKey, 'persistent-keepalive', '25', 'allowed-ips', '10.1.2.3/16, ::/0'],
    ['set', 'peer', b.publicKey, 'allowed-ips', '::/0', 'peer', c.publicKey, 'remove'],
    ['set', 'peer', a.publicKey, 'preshared-key', '/dev/null', 'persistent-keepalive', 'off'],
    ['addconf', added],
    ['setconf', whole],
    ['syncconf', synced],
    ['set', 'fwmark', 'off', 'peer', c.publicKey, 'allowed-ips', ''],
  ];
  let last: string[] = [];
  for (const [verb = '', ...args] of steps) {
    expect(await byWg([verb, left, ...args])).toMatchObject({ code: 0 });
    expect(await byUs([verb, right, ...args])).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const expected = await stateOf(left);
    expect({ verb, args, state: await stateOf(right) }).toEqual({ verb, args, state: expected });
    expect(expected).not.toEqual(last);
    last = expected;
  }
  expect(await byUs(['setconf', right, '/dev/null'])).toMatchObject({ code: 0, stderr: '' });
  const bare = (await mustRun(['wg', 'showconf', right])).replace(/ListenPort = \d+\n/, '');
  expect(bare).toBe('[Interface]\n\n');
  await checkStdin(right, keyFile);
  return right;
}

/** Files and keys may come on stdin. Leaves the interface without a peer. */
async function checkStdin(name: string, keyFile: string): Promise<void> {
  const withInput = (file: string, ...args: readonly string[]): Promise<string> =>
    mustRun(['bash', '-c', 'exec "$@" < "$0"', file, ...command(...args)]);
  await withInput(keyFile, 'set', name, 'private-key', '/dev/stdin');
  const key = await mustRun(['wg', 'show', name, 'private-key']);
  expect(key).toBe(await mustRun(['cat', keyFile]));
  await withInput('/dev/null', 'setconf', name, '-');
  expect(await mustRun(['wg', 'show', name, 'private-key'])).toBe('(none)\n');
}
