import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { eventually } from '../../support/waiting.js';
import { type Lab, labTest } from '../support/lab.js';
import type { Running } from '../support/process.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import { INNER, makePair, type Pair } from '../support/topology.js';
import { ping } from '../support/traffic.js';
import { type Client, command, newKeyPair, newPresharedKey } from '../support/tunnel.js';

interface Entry {
  readonly time?: string;
  readonly level: string;
  readonly category: readonly string[];
  readonly message: string;
}

const entriesOf = (text: string): Entry[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Entry);
const messages = (text: string): string[] => entriesOf(text).map(({ message }) => message);
const logFile = ({ name }: Client): string => `/run/wg-ts/${name}.log`;

/** A key as it may be written down. */
function formsOf(base64: string): string[] {
  const bytes = Buffer.from(base64, 'base64');
  const hex = bytes.toString('hex');
  return [base64, base64.slice(0, 20), bytes.toString('base64url'), hex, hex.toUpperCase()];
}

async function upVerbosely(lab: Lab, { namespace, file }: Client): Promise<void> {
  lab.onClose(async () => void (await namespace.run(command('down', file))));
  await namespace.mustRun(command('up', '--verbose', file));
}

async function startFollowing({ namespace, name }: Client): Promise<Running> {
  const following = namespace.spawn(command('logs', '--follow', '--json', name));
  await eventually(
    'the log is shown',
    40_000,
    () => following.stdout.includes('": up (') || following.stdout.includes('"up ('),
  );
  return following;
}

function secretsOf(pair: Pair): string[] {
  const { keys, peers } = pair.client.spec();
  return [keys.privateKey, ...peers.flatMap(({ presharedKey }) => presharedKey ?? [])];
}

describeSystem('the log of a tunnel in the background', TUNNEL, () => {
  labTest.skipIf(isReference)('covers its whole life, and has no key', async ({ lab }) => {
    const pair = await makePair(lab, { withPresharedKey: true, keepalive: 1 });
    await pair.server.start();
    const { client } = pair;
    const { name, namespace, file } = client;
    const secrets = secretsOf(pair);
    let seen = await namespace.mustRun(command('up', '--verbose', file));
    lab.onClose(async () => void (await namespace.run(command('down', file))));
    const following = await startFollowing(client);
    expect(await ping(namespace, INNER.server.v4)).toMatchObject({ received: 3 });

    const [other, preshared] = [newKeyPair(), newPresharedKey()];
    const keyFile = join(lab.folder, 'preshared');
    writeFileSync(keyFile, preshared, { mode: 0o600 });
    const set = ['wg', 'set', name, 'peer', other.publicKey, 'preshared-key', keyFile];
    const changes = await namespace.run([...set, 'allowed-ips', '10.99.0.0/24']);
    const later = await namespace.run([
      ...set,
      'endpoint',
      '127.0.0.1:1',
      'persistent-keepalive',
      '1',
    ]);
    expect(changes.code).toBe(0);
    seen += changes.stderr + later.stderr;

    const text = await namespace.mustRun(command('logs', name));
    expect(text).toMatch(
      new RegExp(`^\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d ${name}: up \\(pid`, 'm'),
    );
    expect(
      entriesOf(following.stdout).find(({ message }) => message.startsWith('up (pid')),
    ).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      level: 'info',
      category: ['wg-ts', name],
      message: expect.stringContaining('data plane'),
    });
    const important = await namespace.mustRun(command('logs', '--level', 'error', '--json', name));
    expect(entriesOf(important).filter(({ level }) => level === 'info')).toEqual([]);
    const recent = await namespace.mustRun(command('logs', '--since', '1h', name));
    expect(recent).toContain(`${name}: up (pid`);
    const files = readFileSync(logFile(client), 'utf8');

    seen += await namespace.mustRun(command('down', file));
    await following.says(/is down: waiting/);
    expect(messages(following.stdout).at(-1)).toBe('down');
    expect(existsSync(logFile(client))).toBe(false);

    writeFileSync(file, readFileSync(file, 'utf8').replace('Address', 'PostUp = false\nAddress'));
    const failed = await namespace.run(command('up', '--verbose', file));
    expect(failed.code).toBe(1);
    await following.stop('SIGINT');
    seen += text + files + following.stdout + following.stderr + failed.stdout + failed.stderr;
    for (const secret of [...secrets, other.privateKey, preshared])
      for (const form of formsOf(secret)) expect(seen.includes(form)).toBe(false);
  });

  labTest.skipIf(isReference)('is followed through rotation and a restart', async ({ lab }) => {
    const { client } = await makePair(lab);
    const { name, namespace, file } = client;
    // More than a file takes, so the first record goes to the next one.
    const text = readFileSync(file, 'utf8').replace('Address', 'PostUp = seq 1 200000\nAddress');
    writeFileSync(file, text, { mode: 0o600 });
    await upVerbosely(lab, client);
    const following = await startFollowing(client);
    expect(existsSync(`${logFile(client)}.1`)).toBe(true);
    const lines = messages(following.stdout);
    expect(lines.filter((line) => /^\d+$/.test(line))).toHaveLength(200_000);
    expect(lines.at(-1)).toMatch(/^up \(pid/);
    await namespace.mustRun(command('down', file));
    await following.says(/is down: waiting/);
    expect([logFile(client), `${logFile(client)}.1`].filter((one) => existsSync(one))).toEqual([]);

    writeFileSync(file, text.replace('seq 1 200000', 'echo again'));
    await namespace.mustRun(command('up', file));
    await eventually('the next run is shown', 40_000, () =>
      messages(following.stdout.slice(0, following.stdout.lastIndexOf('\n')))
        .slice(-2)
        .join()
        .startsWith('again,up (pid'),
    );
    expect(await following.stop('SIGINT')).not.toBe(0);
    await namespace.mustRun(command('down', name));
  });
});
