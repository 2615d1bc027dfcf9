import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { eventually } from '../../support/waiting.js';
import { type Lab, labTest, type Namespace } from '../support/lab.js';
import { mustRun, run } from '../support/process.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import { Client, command, newKeyPair, newPresharedKey } from '../support/tunnel.js';

const keys = newKeyPair();
const [first, second] = [newKeyPair(), newKeyPair()];
const psk = newPresharedKey();

function text(saves: boolean, ...more: readonly string[]): string {
  return [
    '# of the office',
    '[Interface]',
    `PrivateKey = ${keys.privateKey}`,
    'Address = 10.64.0.2/24, fd64::2/64',
    'MTU = 1400',
    'Table = off',
    'PostUp = true %i',
    ...(saves ? ['SaveConfig = true'] : []),
    ...more,
    '[Peer]',
    `PublicKey = ${first.publicKey}`,
    'AllowedIPs = 10.65.0.0/16',
    'Endpoint = 198.18.1.2:51820',
    '',
  ].join('\n');
}

async function networked(lab: Lab): Promise<Namespace> {
  return (await lab.link(await lab.namespace('client'), await lab.namespace('net')))[0].namespace;
}

/** As a user does while the tunnel is up. */
async function change(client: Client, lab: Lab): Promise<void> {
  const file = join(lab.folder, 'psk');
  writeFileSync(file, psk, { mode: 0o600 });
  const { name } = client;
  await mustRun(['wg', 'set', name, 'peer', first.publicKey, 'remove']);
  await mustRun([
    ...['wg', 'set', name, 'listen-port', '52346', 'fwmark', '0x99', 'peer', second.publicKey],
    ...['preshared-key', file, 'allowed-ips', '10.66.0.0/16,fd66::/48'],
    ...['endpoint', '[2001:db8:1::2]:7', 'persistent-keepalive', '25'],
  ]);
}

const CHANGED = [
  '[Interface]',
  `PrivateKey = ${keys.privateKey}`,
  'ListenPort = 52346',
  'FwMark = 0x99',
  'Address = 10.64.0.2/24, fd64::2/64',
  'MTU = 1400',
  'Table = off',
  'PostUp = true %i',
  '[Peer]',
  `PublicKey = ${second.publicKey}`,
  `PresharedKey = ${psk}`,
  'AllowedIPs = 10.66.0.0/16, fd66::/48',
  'Endpoint = [2001:db8:1::2]:7',
  'PersistentKeepalive = 25',
];

function linesOf(file: string): string[] {
  return readFileSync(file, 'utf8').split('\n').filter(Boolean);
}

function save(client: Client): ReturnType<Namespace['run']> {
  return client.namespace.run(command('save', client.file));
}

/** In the order that both programs write: one key a line, addresses apart. */
function settings(file: string): string[] {
  return linesOf(file)
    .flatMap((line) => {
      const [key = '', value = ''] = line.split(' = ');
      return value.split(', ').map((one) => `${key} = ${one}`);
    })
    .filter((line) => !line.includes('fe80::'))
    .sort();
}

describeSystem('a running tunnel', TUNNEL, () => {
  const subjectTest = labTest.skipIf(isReference);

  subjectTest('is saved on the way down when its file asks for it', async ({ lab }) => {
    const client = new Client(lab, await networked(lab), text(true));
    await client.up();
    await change(client, lab);
    await client.down();
    expect(linesOf(client.file)).toEqual([
      ...CHANGED.slice(0, 8),
      'SaveConfig = true',
      ...CHANGED.slice(8),
    ]);
    await client.up();
    expect(await mustRun(['wg', 'show', client.name, 'peers'])).toBe(`${second.publicKey}\n`);
    await client.down();
  });

  subjectTest('is saved at its end by a signal, and after PreDown', async ({ lab }) => {
    const last = `PreDown = wg set %i peer ${first.publicKey} persistent-keepalive 77`;
    const client = new Client(lab, await networked(lab), text(true, last));
    const running = await client.spawnForeground();
    expect(await running.stop('SIGTERM')).toBe(0);
    expect(linesOf(client.file)).toContain('PersistentKeepalive = 77');
    expect(running.stderr).toContain(`saved in ${client.file}`);
    expect(running.stderr).not.toContain('ignored');
  });

  subjectTest('is not saved when its file does not ask, or it did not come up', async ({ lab }) => {
    const namespace = await networked(lab);
    const client = new Client(lab, namespace, text(false));
    await client.up();
    await change(client, lab);
    await client.down();
    expect(readFileSync(client.file, 'utf8')).toBe(text(false));

    const failing = new Client(lab, namespace, text(true, 'PostUp = false'));
    expect((await failing.tryUp()).code).toBe(1);
    expect(readFileSync(failing.file, 'utf8')).toBe(text(true, 'PostUp = false'));
  });

  subjectTest('is saved by command, through a link, and keeps owner and mode', async ({ lab }) => {
    const client = new Client(lab, await networked(lab), text(false));
    await client.up();
    await change(client, lab);
    const target = join(lab.folder, 'elsewhere');
    writeFileSync(target, text(false));
    chmodSync(target, 0o640);
    chownSync(target, 65534, 65534);
    unlinkSync(client.file);
    symlinkSync(target, client.file);

    expect(await save(client)).toMatchObject({ code: 0 });
    expect(linesOf(target)).toEqual(CHANGED);
    expect(lstatSync(client.file).isSymbolicLink()).toBe(true);
    expect(statSync(target)).toMatchObject({ uid: 65534, gid: 65534 });
    expect(statSync(target).mode & 0o777).toBe(0o640);
    expect(readdirSync(lab.folder).filter((file) => file.endsWith('.tmp'))).toEqual([]);

    // By its name alone, which stands for the file that it came from.
    unlinkSync(client.file);
    writeFileSync(client.file, text(false), { mode: 0o600 });
    expect(await client.namespace.run(command('save', client.name))).toMatchObject({ code: 0 });
    expect(linesOf(client.file)).toEqual(CHANGED);
    await client.down();
    expect(await save(client)).toMatchObject({ code: 1 });
  });

  subjectTest('keeps its file when the disk is full', async ({ lab }) => {
    const disk = join(lab.folder, 'disk');
    mkdirSync(disk);
    await mustRun(['mount', '-t', 'tmpfs', '-o', 'size=16k', 'none', disk]);
    lab.onClose(() => run(['umount', disk]).then(() => undefined));
    const client = new Client(lab, await networked(lab), text(true));
    const file = join(disk, `${client.name}.conf`);
    writeFileSync(file, text(true), { mode: 0o600 });
    lab.onClose(async () => {
      if ((await client.daemons()).length > 0) await client.down();
    });
    const { namespace, name } = client;
    await namespace.mustRun(command('up', file));
    const before = await mustRun(['wg', 'showconf', name]);
    await change(client, lab);
    // Two pages are left: more than nothing, and less than the new text takes.
    writeFileSync(join(disk, 'ballast'), Buffer.alloc(8192));
    for (let n = 1; n <= 40; n++)
      await mustRun([
        ...['wg', 'set', name, 'peer', newKeyPair().publicKey],
        ...['allowed-ips', Array.from({ length: 8 }, (_, i) => `10.${n}.${i}.0/24`).join(',')],
      ]);
    const refused = await namespace.run(command('save', file));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('ENOSPC');
    expect(readFileSync(file, 'utf8')).toBe(text(true));
    expect(await namespace.run(command('down', file))).toMatchObject({ code: 0 });
    expect(readFileSync(file, 'utf8')).toBe(text(true));
    expect(readdirSync(disk).sort()).toEqual([`${name}.conf`, 'ballast'].sort());
    expect(before).toContain(first.publicKey);
  });

  subjectTest('leaves the old file or the new one when saving is killed', async ({ lab }) => {
    const client = new Client(lab, await networked(lab), text(false));
    await client.up();
    await change(client, lab);
    const old = linesOf(client.file);
    for (let attempt = 0; attempt < 6; attempt++) {
      writeFileSync(client.file, text(false), { mode: 0o600 });
      const saving = client.namespace.spawn(command('save', client.file));
      await new Promise((resolve) => setTimeout(resolve, 90 + attempt * 15));
      saving.signal('SIGKILL');
      await saving.exited;
      expect([old, CHANGED]).toContainEqual(linesOf(client.file));
    }
    expect(await save(client)).toMatchObject({ code: 0 });
    expect(linesOf(client.file)).toEqual(CHANGED);
    expect(readdirSync(lab.folder).filter((file) => file.endsWith('.tmp'))).toEqual([]);
    await client.down();
  });

  subjectTest('is saved as wg-quick saves it', async ({ lab }) => {
    const client = new Client(lab, await networked(lab), text(true));
    await client.up();
    await change(client, lab);
    const env = { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' };
    await client.namespace.mustRun(['wg-quick', 'save', client.file], { env });
    const theirs = settings(client.file);
    writeFileSync(client.file, text(true), { mode: 0o600 });
    expect(await save(client)).toMatchObject({ code: 0 });
    expect(settings(client.file)).toEqual(theirs);
    await client.down();
    await eventually('the end', 40_000, async () => (await client.daemons()).length === 0);
  });
});
