import { lstatSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { eventually } from '../../support/waiting.js';
import { DnsStandIn } from '../support/dnsprogram.js';
import { type Lab, labTest } from '../support/lab.js';
import { lookUp, startNameServer } from '../support/nameserver.js';
import { type Mounting, OwnEtc } from '../support/ownetc.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import { endpoint, INNER, PORT } from '../support/topology.js';
import { Client, command, type Environment, newKeyPair, WireguardGo } from '../support/tunnel.js';

/** What every name is, depending on who is asked. */
const ANSWERS = { machine: '192.0.2.10', first: '192.0.2.20', second: '192.0.2.30' } as const;
const NAME = 'host.example';
const GUARD = 'table inet wg-ts-dns-';

interface Machine {
  readonly lab: Lab;
  readonly etc: OwnEtc;
  readonly client: Client;
  /** The name server that the machine has without a tunnel; on its own network. */
  readonly own: string;
  readonly before: string;
}

interface MachineOptions {
  readonly mounting?: Mounting;
  readonly interfaceLines?: readonly string[];
  readonly peerLines?: readonly string[];
  readonly env?: Environment;
}

/** A machine with a plain resolv.conf, and a tunnel of everything to a server with a name server. */
async function makeMachine(lab: Lab, options: MachineOptions = {}): Promise<Machine> {
  const { mounting = 'plain', env } = options;
  const [here, there] = [await lab.namespace('client'), await lab.namespace('server')];
  const [, serverEnd] = await lab.link(here, there);
  await here.ip(`route add default via ${serverEnd.v4}`);
  const text = `# of the machine\nnameserver ${serverEnd.v4}\nsearch lan\noptions timeout:1 attempts:1`;
  const etc = new OwnEtc(lab, here.name, mounting, text);
  await startNameServer(there, { listen: serverEnd.v4, answer: ANSWERS.machine });
  const to = { v4: serverEnd.v4, namespace: there, subnet: '10.64.0', answer: ANSWERS.first };
  // Of a test that fails.
  lab.onClose(async () => {
    for (const file of await recordsOf(etc)) rmSync(file);
  });
  const client = await tunnelTo(lab, etc, to, options, env);
  return { lab, etc, client, own: serverEnd.v4, before: etc.state() };
}

interface Far {
  readonly v4: string;
  readonly namespace: WireguardGo['namespace'];
  /** The first three numbers of the tunnel's network. */
  readonly subnet: string;
  readonly answer: string;
}

async function tunnelTo(
  lab: Lab,
  etc: OwnEtc,
  { v4, namespace, subnet, answer }: Far,
  { interfaceLines = [], peerLines = [] }: MachineOptions = {},
  env: Environment = {},
): Promise<Client> {
  const [clientKeys, serverKeys] = [newKeyPair(), newKeyPair()];
  const server = new WireguardGo(lab, namespace, {
    keys: serverKeys,
    addresses: [`${subnet}.1/24`],
    listenPort: PORT,
    peers: [{ publicKey: clientKeys.publicKey, allowedIps: [`${subnet}.2/32`] }],
  });
  await server.start();
  await startNameServer(namespace, { listen: `${subnet}.1`, answer });
  const lines = [
    '[Interface]',
    `PrivateKey = ${clientKeys.privateKey}`,
    `Address = ${subnet}.2/32`,
    `DNS = ${subnet}.1, tunnel.example`,
    ...interfaceLines,
    '[Peer]',
    `PublicKey = ${serverKeys.publicKey}`,
    'AllowedIPs = 0.0.0.0/0',
    `Endpoint = ${endpoint(v4, PORT)}`,
    ...peerLines,
  ];
  const client = new Client(lab, etc, `${lines.join('\n')}\n`, env);
  // What outlives the client's process must not outlive the test.
  lab.onClose(async () => {
    if (lab.traces().some((file) => file.includes(client.name))) await client.tryDown();
  });
  return client;
}

/** Another tunnel of everything, to a server of its own. */
async function secondTunnel({ lab, etc }: Machine): Promise<Client> {
  const [, { v4, namespace }] = await lab.link(etc, await lab.namespace('server2'));
  return await tunnelTo(lab, etc, { v4, namespace, subnet: '10.65.0', answer: ANSWERS.second });
}

async function killDaemon(client: Client): Promise<void> {
  for (const pid of await client.daemons()) process.kill(pid, 'SIGKILL');
  await eventually('the end', 40_000, async () => (await client.daemons()).length === 0);
}

const ruleset = (etc: OwnEtc): Promise<string> => etc.mustRun(['nft', 'list', 'ruleset']);

/** Names are resolved by the tunnel, and by nobody else. */
async function expectTunnel({ etc, client, own }: Machine): Promise<void> {
  expect(etc.text()).toMatch(
    new RegExp(
      `^# Written by wg-ts for the tunnel ${client.name}.*\n.*wg-ts down ${client.name}\n`,
    ),
  );
  const lines = etc.text().split('\n');
  expect(lines.filter((line) => line !== '' && !line.startsWith('#'))).toEqual([
    `nameserver ${INNER.server.v4}`,
    'search tunnel.example',
    'options timeout:1 attempts:1',
  ]);
  expect(await lookUp(etc, NAME)).toBe(ANSWERS.first);
  expect(await ruleset(etc)).toContain(GUARD);
  const ask = `const { Resolver } = require('node:dns').promises;
    const resolver = new Resolver({ timeout: 500, tries: 1 });
    resolver.setServers(['${own}']);
    resolver.resolve4('${NAME}').then(console.log, ({ code }) => console.log(code));`;
  expect(await etc.mustRun([process.execPath, '-e', ask])).toMatch(/ETIMEOUT|ECONNREFUSED/);
}

/** As without a tunnel; by the file the same to the byte, with mode and owner. */
async function expectAsBefore({ etc, before }: Machine): Promise<void> {
  expect(etc.state()).toBe(before);
  expect(await lookUp(etc, NAME)).toBe(ANSWERS.machine);
  expect(await ruleset(etc)).not.toContain('wg-ts');
  expect(await recordsOf(etc)).toEqual([]);
}

/** The files in /run that belong to this namespace. */
async function recordsOf(etc: OwnEtc): Promise<string[]> {
  const find = 'ls /run/wg-ts/resolv.conf.$(readlink /proc/self/ns/net | tr -dc 0-9).*';
  return (await etc.run(['sh', '-c', find])).stdout.split('\n').filter((line) => line !== '');
}

describeSystem('DNS where no program manages it', [...TUNNEL, 'nft'], () => {
  // wg-quick refuses to bring such a tunnel up.
  const subjectTest = labTest.skipIf(isReference);

  for (const mounting of ['plain', 'mounted'] as const) {
    const inode = ({ etc }: Machine): number => lstatSync(etc.file).ino;

    subjectTest(`is set in a ${mounting} resolv.conf, and taken back by down`, async ({ lab }) => {
      const machine = await makeMachine(lab, { mounting });
      const { client, etc } = machine;
      const wasInode = inode(machine);
      expect(await lookUp(etc, NAME)).toBe(ANSWERS.machine);
      const { code, stderr } = await client.tryUp();
      expect({ code, stderr }).toMatchObject({ code: 0 });
      expect(stderr).toContain(`[#] /etc/resolv.conf: add ${client.name}`);
      expect(stderr).not.toContain('warning');
      await expectTunnel(machine);
      const lookup = `require('node:dns').lookup('${NAME}', { family: 4 }, (e, a) => console.log(a));`;
      expect((await etc.mustRun([process.execPath, '-e', lookup])).trim()).toBe(ANSWERS.first);
      const saved = (await recordsOf(etc)).find((file) => file.endsWith('.before')) ?? '';
      expect(readFileSync(saved, 'utf8')).toContain('# of the machine');
      expect(lstatSync(saved).mode & 0o777).toBe(0o640);
      if (mounting === 'mounted') expect(inode(machine)).toBe(wasInode);
      await client.down();
      await expectAsBefore(machine);
    });

    subjectTest(`is taken back from a ${mounting} file after a kill`, async ({ lab }) => {
      const machine = await makeMachine(lab, { mounting });
      const { client } = machine;
      await client.up();
      await killDaemon(client);
      await client.down();
      await expectAsBefore(machine);

      await client.up();
      await killDaemon(client);
      await client.up();
      await expectTunnel(machine);
      await client.down();
      await expectAsBefore(machine);
    });

    subjectTest(`is put back when a ${mounting} file is rewritten`, async ({ lab }) => {
      const machine = await makeMachine(lab, { mounting });
      const { client, etc, own } = machine;
      await client.up();
      const theirs = `# Generated by a DHCP client\nnameserver ${own}\n`;
      await etc.rewrite(theirs);
      await eventually('our file', 40_000, () => etc.text().startsWith('# Written by wg-ts'));
      expect(await lookUp(etc, NAME)).toBe(ANSWERS.first);
      const { stdout } = await etc.run(command('logs', client.name));
      expect(stdout.match(/"Generated by a DHCP client"/g)).toHaveLength(1);
      // And what it wrote last is what comes back.
      await client.down();
      expect(etc.text()).toBe(theirs);
      expect(await lookUp(etc, NAME)).toBe(ANSWERS.machine);
    });
  }

  subjectTest('is taken back when a later step fails', async ({ lab }) => {
    const machine = await makeMachine(lab, { interfaceLines: ['PostUp = false'] });
    const { code, stderr } = await machine.client.tryUp();
    expect(code).toBe(1);
    expect(stderr).toContain('/etc/resolv.conf: add');
    await expectAsBefore(machine);
  });

  subjectTest('is set for a split tunnel, and without routes', async ({ lab }) => {
    const machine = await makeMachine(lab, { interfaceLines: ['Table = off'] });
    const { client, etc } = machine;
    await client.up();
    await etc.ip(`route add ${INNER.server.v4} dev ${client.name}`);
    expect(await lookUp(etc, NAME)).toBe(ANSWERS.first);
    expect(await ruleset(etc)).not.toContain(GUARD);
    await client.down();
    await expectAsBefore(machine);
  });

  subjectTest('leaves a read-only file and the machine’s servers alone', async ({ lab }) => {
    const machine = await makeMachine(lab, { mounting: 'read-only' });
    const { client, etc, own, before } = machine;
    const { code, stderr } = await client.tryUp();
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toContain(
      `warning: DNS ${INNER.server.v4} cannot be written to /etc/resolv.conf: it is read-only. Names are resolved by ${own} as before, and DNS past the tunnel is not blocked`,
    );
    expect(etc.state()).toBe(before);
    expect(await lookUp(etc, NAME)).toBe(ANSWERS.machine);
    await client.down();
    await expectAsBefore(machine);
  });

  subjectTest('is guarded where a read-only file has the tunnel’s server', async ({ lab }) => {
    const machine = await makeMachine(lab, { mounting: 'read-only' });
    const { client, etc } = machine;
    // As by --dns of docker.
    writeFileSync(etc.file, `nameserver ${INNER.server.v4}\n`);
    const { code, stderr } = await client.tryUp();
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).not.toContain('warning');
    expect(await ruleset(etc)).toContain(GUARD);
    expect(await lookUp(etc, NAME)).toBe(ANSWERS.first);
    await client.down();
    expect(etc.text()).toBe(`nameserver ${INNER.server.v4}\n`);
  });

  subjectTest('refuses a kill switch that no name would get through', async ({ lab }) => {
    const options = { mounting: 'read-only', interfaceLines: ['KillSwitch = true'] } as const;
    const machine = await makeMachine(lab, options);
    const { code, stderr } = await machine.client.tryUp();
    expect(code).toBe(1);
    expect(stderr).toContain(`the kill switch blocks the servers in it (${machine.own})`);
    expect(stderr).toMatch(new RegExp(`^hint: .*${machine.own} to ExcludedIPs`, 'm'));
    await expectAsBefore(machine);
  });

  subjectTest('lets the server of a read-only file pass the kill switch', async ({ lab }) => {
    const machine = await makeMachine(lab, {
      mounting: 'read-only',
      interfaceLines: ['KillSwitch = true'],
      peerLines: ['ExcludedIPs = 198.18.1.2/32'],
    });
    await machine.client.up();
    expect(await lookUp(machine.etc, NAME)).toBe(ANSWERS.machine);
    await machine.client.down();
    await expectAsBefore(machine);
  });

  subjectTest('replaces a symbolic link, and puts it back', async ({ lab }) => {
    const machine = await makeMachine(lab);
    const { client, etc } = machine;
    const target = etc.linkTo(join(lab.folder, 'managed'));
    const text = readFileSync(target, 'utf8');
    await client.up();
    expect(lstatSync(etc.file).isSymbolicLink()).toBe(false);
    await expectTunnel(machine);
    expect(readFileSync(target, 'utf8')).toBe(text);
    await client.down();
    expect(readlinkSync(etc.file)).toBe(target);
    expect(readFileSync(target, 'utf8')).toBe(text);
  });

  for (const order of ['first in, first out', 'last in, first out'] as const)
    subjectTest(`is that of the last of two tunnels, ${order}`, async ({ lab }) => {
      const machine = await makeMachine(lab);
      const { client: first, etc } = machine;
      const second = await secondTunnel(machine);
      await first.up();
      expect(await lookUp(etc, NAME)).toBe(ANSWERS.first);
      await second.up();
      expect(await lookUp(etc, NAME)).toBe(ANSWERS.second);
      const isFirstOut = order === 'first in, first out';
      await (isFirstOut ? first : second).down();
      expect(await lookUp(etc, NAME)).toBe(isFirstOut ? ANSWERS.second : ANSWERS.first);
      await (isFirstOut ? second : first).down();
      await expectAsBefore(machine);
    });

  subjectTest('returns to the first tunnel when the second is killed', async ({ lab }) => {
    const machine = await makeMachine(lab);
    const { client: first, etc } = machine;
    const second = await secondTunnel(machine);
    await first.up();
    const [ours = 0] = await first.daemons();
    await second.up();
    expect(await lookUp(etc, NAME)).toBe(ANSWERS.second);
    for (const pid of await second.daemons()) if (pid !== ours) process.kill(pid, 'SIGKILL');
    await eventually('its servers', 40_000, () => etc.text().includes(INNER.server.v4));
    expect(await lookUp(etc, NAME)).toBe(ANSWERS.first);
    await second.down();
    expect(await lookUp(etc, NAME)).toBe(ANSWERS.first);
    await first.down();
    await expectAsBefore(machine);
  });

  for (const next of ['down', 'up'] as const)
    subjectTest(`is taken back by ${next} after a power failure`, async ({ lab }) => {
      const machine = await makeMachine(lab);
      const { client, etc } = machine;
      await client.up();
      await killDaemon(client);
      for (const file of [...lab.traces(), ...(await recordsOf(etc))])
        if (file.includes(client.name) || file.includes('resolv')) rmSync(file);
      await etc.mustRun(['nft', 'flush', 'ruleset']);
      expect(etc.text()).toContain('Written by wg-ts');
      if (next === 'up') {
        // Its endpoint is a name that only the machine's own server knows.
        const text = readFileSync(client.file, 'utf8').replace(
          /^Endpoint.*/m,
          'Endpoint = x.example:1',
        );
        writeFileSync(client.file, text);
        const { code, stderr } = await client.tryUp();
        expect({ code, stderr }).toMatchObject({ code: 0 });
        expect(stderr).toContain(`/etc/resolv.conf: remove ${client.name}`);
      }
      await client.down();
      expect(etc.state()).toBe(machine.before);
      expect((await client.tryDown()).code).toBe(1);
    });

  subjectTest('is not set in the file of another network namespace', async ({ lab }) => {
    const machine = await makeMachine(lab);
    const real = readFileSync('/etc/resolv.conf', 'utf8');
    const plain = await lab.namespace('plain');
    await lab.link(plain, await lab.namespace('net'));
    const client = new Client(lab, plain, readFileSync(machine.client.file, 'utf8'));
    const { code, stderr } = await client.tryUp();
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toContain('it is that of another network namespace too');
    expect(await plain.mustRun(['nft', 'list', 'ruleset'])).not.toContain(GUARD);
    expect(readFileSync('/etc/resolv.conf', 'utf8')).toBe(real);
    await client.down();
    expect(readFileSync('/etc/resolv.conf', 'utf8')).toBe(real);
  });

  for (const program of ['resolvconf', 'resolvectl'] as const)
    subjectTest(`is set also where ${program} has no effect on the file`, async ({ lab }) => {
      const standIn = new DnsStandIn(lab, program);
      const machine = await makeMachine(lab, { env: standIn.env });
      const { client, etc } = machine;
      await client.up();
      expect(Object.keys(await standIn.records(etc))).toEqual([client.name]);
      await expectTunnel(machine);
      await client.down();
      await expectAsBefore(machine);
    });

  subjectTest('is guarded by nothing when resolvconf fails', async ({ lab }) => {
    const standIn = new DnsStandIn(lab, 'resolvconf');
    writeFileSync(join(lab.folder, 'programs', 'resolvconf'), '#!/bin/sh\necho no >&2\nexit 1\n');
    const machine = await makeMachine(lab, { env: standIn.env });
    const { code, stderr } = await machine.client.tryUp();
    expect(code).toBe(1);
    expect(stderr).toMatch(/error: resolvconf -a .*: no/);
    await expectAsBefore(machine);
  });

  subjectTest('is examined by doctor', async ({ lab }) => {
    const machine = await makeMachine(lab);
    const { client, etc, own } = machine;
    const doctor = async (...more: string[]): Promise<string> =>
      (await etc.run([...more, ...command('doctor', '--no-probe', client.file)])).stdout;
    expect(await doctor()).toContain('DNS: will be set by /etc/resolv.conf, written by wg-ts');
    await client.up();
    expect(await doctor()).toContain('DNS: set by /etc/resolv.conf, written by wg-ts');
    // A file that the tunnel's process does not see.
    const other = join(lab.folder, 'other.conf');
    writeFileSync(other, `nameserver ${own}\n`);
    const covered = await doctor(
      ...['sh', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"', other],
    );
    expect(covered).toContain(
      `DNS: /etc/resolv.conf is not ours any more: it names ${own} instead of ${INNER.server.v4}`,
    );
    await client.down();
    await expectAsBefore(machine);
  });
});
