import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { Prng } from '../../support/prng.js';
import { eventually } from '../../support/waiting.js';
import { useNameServer } from '../support/closed.js';
import { DnsStandIn } from '../support/dnsprogram.js';
import { type Lab, labTest } from '../support/lab.js';
import type { RunResult } from '../support/process.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import { Client, command, newKeyPair } from '../support/tunnel.js';

const SEED: number = Number(process.env['WG_TS_CRASH_SEED'] ?? Date.now() % 1_000_000);
const MOMENTS = 10;
/** For machines that are busy with other things. */
const PATIENCE_MS = 180_000;

interface Machine {
  readonly lab: Lab;
  readonly client: Client;
  readonly dns: DnsStandIn;
  readonly before: string;
  /** /etc/resolv.conf, which the stand-in for resolvconf does not write. */
  readonly nameServers: string;
}

/** A tunnel that changes all that a tunnel may change, some of it by hooks that take their time. */
async function makeMachine(lab: Lab): Promise<Machine> {
  const [here, there] = await lab.link(await lab.namespace('client'), await lab.namespace('net'));
  const { namespace } = here;
  useNameServer(lab, namespace, there.v4);
  await namespace.ip(`route add default via ${there.v4}`);
  await namespace.ip(`-6 route add default via ${there.v6}`);
  const dns = new DnsStandIn(lab, 'resolvconf');
  const text = [
    '[Interface]',
    `PrivateKey = ${newKeyPair().privateKey}`,
    'Address = 10.64.0.2/24, fd64::2/64',
    'DNS = 10.64.0.1, office.example',
    'FwMark = 0x4711',
    'SaveConfig = true',
    'PreUp = sleep 0.03; ip route replace blackhole 203.0.113.1; sleep 0.03',
    'PostUp = sleep 0.03; ip route replace blackhole 203.0.113.2; sleep 0.03',
    'PreDown = sleep 0.03; ip route delete blackhole 203.0.113.2 || true; sleep 0.03',
    'PostDown = sleep 0.03; ip route delete blackhole 203.0.113.1 || true; sleep 0.03',
    '[Peer]',
    `PublicKey = ${newKeyPair().publicKey}`,
    'AllowedIPs = 0.0.0.0/0, ::/0',
    'Endpoint = 198.18.1.2:51820',
    '',
  ].join('\n');
  const client = new Client(lab, namespace, text, dns.env);
  const nameServers = await nameServersOf(client);
  return { lab, client, dns, before: await namespace.snapshot(), nameServers };
}

function nameServersOf({ namespace }: Client): Promise<string> {
  return namespace.mustRun(['cat', '/etc/resolv.conf']);
}

/** How long it takes, in milliseconds. */
async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/**
 * Starts the command and kills, so many milliseconds later, either every process of it or the one in
 * the background alone. Returns their numbers when they and what they had started are gone.
 */
async function killDuring(
  { client, dns }: Machine,
  verb: 'up' | 'down',
  afterMs: number,
  all: boolean,
): Promise<number[]> {
  const { namespace } = client;
  const running = namespace.spawn(command(verb, client.file), dns.env);
  await sleep(afterMs);
  const ours = await client.daemons();
  const inBackground = ours.filter((pid) => pid !== running.pid);
  const killed = all || inBackground.length === 0 ? ours : inBackground;
  for (const pid of killed) kill(pid);
  await running.exited;
  await eventually('the end of what was started', 40_000, async () => {
    return (await client.daemons()).length === 0 && (await namespace.pids()).length === 0;
  });
  return ours;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function expectCleanedUp(machine: Machine, byUp: boolean, ours: number[]): Promise<void> {
  const { client, dns, before, lab } = machine;
  if (byUp) await client.up();
  const down = await client.tryDown();
  // Killed before it had begun, or when it was done.
  if (byUp || !isNotUp(down)) expect(down).toMatchObject({ code: 0 });
  expect(down.stderr).not.toContain('cannot undo');
  expect(await client.namespace.snapshot()).toBe(before);
  expect(await dns.records(client.namespace)).toEqual({});
  expect(await nameServersOf(client)).toBe(machine.nameServers);
  expect(lab.traces()).toEqual([]);
  for (const pid of ours) expect(existsSync(join('/run/wg-ts', `${pid}.starting`))).toBe(false);
  expect(await client.daemons()).toEqual([]);
}

function isNotUp({ code, stderr }: RunResult): boolean {
  return code === 1 && stderr.includes('is not up');
}

describeSystem('a tunnel that is killed at any moment', [...TUNNEL, 'nft'], () => {
  // wg-quick has nothing of the kind.
  const subjectTest = labTest.skipIf(isReference);

  for (const verb of ['up', 'down'] as const)
    subjectTest(`of ${verb} leaves nothing behind`, { timeout: PATIENCE_MS }, async ({ lab }) => {
      const random = new Prng(SEED);
      const machine = await makeMachine(lab);
      const { client } = machine;
      const upMs = await timed(() => client.up());
      const downMs = await timed(() => client.down());
      expect(await client.namespace.snapshot()).toBe(machine.before);
      const wholeMs = verb === 'up' ? upMs : downMs;
      for (let n = 0; n < MOMENTS; n++) {
        if (verb === 'down') await client.up();
        const afterMs = ((n + random.fraction()) / MOMENTS) * wholeMs;
        const [all, byUp] = [n % 3 !== 2, n % 2 === 0];
        const what = `seed ${SEED}, ${verb} number ${n}, after ${afterMs.toFixed(1)} of ${wholeMs.toFixed(0)} ms`;
        try {
          const ours = await killDuring(machine, verb, afterMs, all);
          await expectCleanedUp(machine, byUp, ours);
        } catch (error) {
          throw new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`, {
            cause: error,
          });
        }
      }
    });

  subjectTest('in the middle of a hook waits for the hook before it is undone', async ({ lab }) => {
    const { client, dns, before } = await makeMachine(lab);
    const { namespace } = client;
    const mark = join(lab.folder, 'hook');
    const text = readFileSync(client.file, 'utf8').replace(
      /^PostUp = sleep 0.03/m,
      `PostUp = touch ${mark}; sleep 1.5`,
    );
    writeFileSync(client.file, text);
    const running = namespace.spawn(command('up', client.file), dns.env);
    await eventually('the hook', 40_000, () => existsSync(mark));
    for (const pid of await client.daemons()) kill(pid);
    await running.exited;
    expect(await client.tryDown()).toMatchObject({ code: 0 });
    await eventually('the end of the hook', 40_000, async () => {
      return (await namespace.pids()).length === 0;
    });
    expect(await namespace.snapshot()).toBe(before);
  });
});
