import { expect } from 'vitest';
import { eventually } from '../../support/waiting.js';
import { DnsStandIn } from '../support/dnsprogram.js';
import { type Lab, labTest } from '../support/lab.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import { Client, command, newKeyPair } from '../support/tunnel.js';

const RECORDS = {
  resolvconf: 'nameserver 10.64.0.1\nnameserver fd64::1\nsearch office.example\n',
  resolvectl: 'dns 10.64.0.1 fd64::1\ndomain ~. office.example\n',
} as const;

type Program = keyof typeof RECORDS;
const PROGRAMS = Object.keys(RECORDS) as Program[];

async function makeClient(
  lab: Lab,
  program: Program,
  ...more: readonly string[]
): Promise<{ client: Client; dns: DnsStandIn }> {
  const { namespace } = (
    await lab.link(await lab.namespace('client'), await lab.namespace('net'))
  )[0];
  const dns = new DnsStandIn(lab, program);
  const text = [
    '[Interface]',
    `PrivateKey = ${newKeyPair().privateKey}`,
    'Address = 10.64.0.2/24',
    'DNS = 10.64.0.1, fd64::1, office.example',
    ...more,
    '[Peer]',
    `PublicKey = ${newKeyPair().publicKey}`,
    'AllowedIPs = 10.65.0.0/16',
    'Endpoint = 198.18.1.2:51820',
    '',
  ].join('\n');
  return { client: new Client(lab, namespace, text, dns.env), dns };
}

async function killDaemon(client: Client): Promise<void> {
  for (const pid of await client.daemons()) process.kill(pid, 'SIGKILL');
  await eventually('the end', 40_000, async () => (await client.daemons()).length === 0);
}

describeSystem('the DNS servers of a tunnel', TUNNEL, () => {
  const subjectTest = labTest.skipIf(isReference);

  for (const program of PROGRAMS) {
    subjectTest(`are given to ${program}, and taken back`, async ({ lab }) => {
      const { client, dns } = await makeClient(lab, program);
      await client.up();
      expect(await dns.records(client.namespace)).toEqual({ [client.name]: RECORDS[program] });
      await client.down();
      expect(await dns.records(client.namespace)).toEqual({});
    });

    for (const next of ['down', 'up'] as const)
      subjectTest(`are taken from ${program} by ${next} after a kill`, async ({ lab }) => {
        const { client, dns } = await makeClient(lab, program);
        await client.up();
        await killDaemon(client);
        if (next === 'up') {
          await client.up();
          const records = await dns.records(client.namespace);
          expect(records[client.name]?.endsWith(RECORDS[program])).toBe(true);
        }
        await client.down();
        expect(await dns.records(client.namespace)).toEqual({});
      });

    subjectTest(`are taken from ${program} when a later step fails`, async ({ lab }) => {
      const { client, dns } = await makeClient(lab, program, 'PostUp = false');
      expect((await client.tryUp()).code).toBe(1);
      expect(dns.calls().length).toBeGreaterThan(0);
      expect(await dns.records(client.namespace)).toEqual({});
    });
  }

  subjectTest('are taken back even when resolvconf was running at the kill', async ({ lab }) => {
    const { client, dns } = await makeClient(lab, 'resolvconf');
    dns.beSlow();
    const running = client.namespace.spawn(command('up', client.file), dns.env);
    await eventually('resolvconf', 40_000, () => dns.isBusy);
    await killDaemon(client);
    await running.exited;
    expect(await client.tryDown()).toMatchObject({ code: 0 });
    await eventually('the end of it', 40_000, async () => {
      return (await client.namespace.pids()).length === 0;
    });
    expect(await dns.records(client.namespace)).toEqual({});
  });

  subjectTest('are given to resolvconf as wg-quick gives them', async ({ lab }) => {
    const { client, dns } = await makeClient(lab, 'resolvconf');
    const env = { ...dns.env, WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' };
    await client.namespace.mustRun(['wg-quick', 'up', client.file], { env });
    const theirRecords = await dns.records(client.namespace);
    await client.namespace.mustRun(['wg-quick', 'down', client.file], { env });
    await eventually('the end', 40_000, async () => (await client.namespace.pids()).length === 0);
    const theirCalls = dns.calls();
    await client.up();
    expect(await dns.records(client.namespace)).toEqual(theirRecords);
    await client.down();
    const ours = dns.calls().slice(theirCalls.length);
    // wg-quick takes the record back twice.
    expect(ours).toEqual([...new Set(theirCalls)]);
  });
});
