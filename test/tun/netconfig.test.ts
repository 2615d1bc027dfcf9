import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { linuxNetConfig } from '../../network/linux/netconfig.js';
import type { InterfaceSettings } from '../../network/netconfig.js';
import type { Command } from '../../system/commands.js';
import { type RunResult, realSystem, type System } from '../../system/commands.js';

const settings: InterfaceSettings = {
  name: 'office',
  addresses: ['10.0.0.2/24'],
  mtu: 1420,
  routes: [],
  table: 'auto',
  fwMark: 51820,
  dnsServers: [],
  dnsSearch: [],
  endpoints: [],
  listenPort: 51820,
};

const ok = (stdout = ''): RunResult => ({ status: 0, stdout, stderr: '' });
const failed = (stderr: string, status = 2): RunResult => ({ status, stdout: '', stderr });

/** Serves each command by the first pattern that fits; anything else succeeds with no rows. */
function machine(
  answers: readonly (readonly [RegExp, RunResult])[],
  files: Record<string, string> = {},
  programs: Record<string, string> = {},
): { system: System; ran: string[] } {
  const ran: string[] = [];
  const system: System = {
    async run({ argv }) {
      const text = argv.join(' ');
      ran.push(text);
      return answers.find(([pattern]) => pattern.test(text))?.[1] ?? ok('[]');
    },
    read: async (path) => files[path],
    write: async () => undefined,
    find: async (program) => programs[program],
  };
  return { system, ran };
}

async function describePlan(system: System, change: Partial<InterfaceSettings>): Promise<string[]> {
  const { steps } = await linuxNetConfig(system).plan({ ...settings, ...change });
  return steps.map((step) => step.describe);
}

describe('the MTU towards an address', () => {
  it('is that of the route, when it has one', async () => {
    const { system } = machine([
      [
        /route get 192\.0\.2\.1$/,
        ok('[{"dst":"192.0.2.1","dev":"eth0","metrics":[{"mtu":1300}]}]'),
      ],
    ]);
    expect(await linuxNetConfig(system).mtuTowards('192.0.2.1')).toBe(1300);
  });

  it("is that of the route's interface otherwise", async () => {
    const { system } = machine([
      [/route get/, ok('[{"dst":"192.0.2.1","dev":"eth0"}]')],
      [/link show dev eth0$/, ok('[{"ifname":"eth0","mtu":9000}]')],
    ]);
    expect(await linuxNetConfig(system).mtuTowards('192.0.2.1')).toBe(9000);
  });

  it('asks for the zone of a link-local address', async () => {
    const { system, ran } = machine([]);
    await linuxNetConfig(system).mtuTowards('fe80::1%eth0');
    expect(ran).toEqual(['ip -json route get fe80::1 dev eth0']);
  });

  it('is unknown without a route', async () => {
    const { system } = machine([
      [/route get/, failed('RTNETLINK answers: Network is unreachable')],
    ]);
    expect(await linuxNetConfig(system).mtuTowards('192.0.2.1')).toBeUndefined();
  });
});

describe('a free table', () => {
  it('is the first whose number no route, rule or mark has', async () => {
    const { system } = machine([
      [/-4 route show table 51820$/, ok('[{"dst":"default"}]')],
      [/-6 route show table 51821$/, ok('[{"dst":"default"}]')],
      [/-4 rule$/, ok('[{"priority":5,"table":"51822"}]')],
      [/-6 rule$/, ok('[{"priority":5,"table":"main","fwmark":"0xca6f"}]')],
      [/route show/, failed('Error: ipv4: FIB table does not exist.')],
    ]);
    expect(await linuxNetConfig(system).freeTable()).toBe(51824);
  });
});

describe('the plan asks the machine', () => {
  const ipv6 = { '/proc/sys/net/ipv6/conf/default/disable_ipv6': '0\n' };

  it('for the priorities of its rules', async () => {
    const { system } = machine([[/-4 rule$/, ok('[{"priority":0},{"priority":100}]')]]);
    expect(await describePlan(system, { routes: ['0.0.0.0/0'] })).toContain(
      'ip -4 rule add priority 99 not fwmark 51820 table 51820',
    );
  });

  it('for IPv6, about the interface before the default', async () => {
    const addresses = ['fd00::2/64'];
    const count = async (files: Record<string, string>): Promise<number> =>
      (await describePlan(machine([], files).system, { addresses })).length;
    expect(await count(ipv6)).toBe(2);
    expect(await count({})).toBe(1);
    expect(await count({ ...ipv6, '/proc/sys/net/ipv6/conf/office/disable_ipv6': '1\n' })).toBe(1);
  });

  it('for its firewall', async () => {
    const routes = ['0.0.0.0/0'];
    const nft = machine([], {}, { nft: '/usr/sbin/nft', iptables: '/usr/sbin/iptables' });
    expect(await describePlan(nft.system, { routes })).toContain('nft -f -');
    const old = machine([], {}, { iptables: '/usr/sbin/iptables' });
    expect((await describePlan(old.system, { routes })).join('\n')).toContain('iptables -w');
  });

  it('for its addresses', async () => {
    const { system } = machine([
      [/address$/, ok('[{"ifname":"eth7","addr_info":[{"local":"10.0.0.2"}]}]')],
    ]);
    const { warnings } = await linuxNetConfig(system).plan(settings);
    expect(warnings).toContain('interface eth7 has the address 10.0.0.2 too');
  });

  it('for a DNS manager that works', async () => {
    const dns = { dnsServers: ['10.0.0.1'] };
    const programs = { resolvectl: '/usr/bin/resolvectl', resolvconf: '/usr/sbin/resolvconf' };
    const resolved = machine([], {}, programs);
    expect((await describePlan(resolved.system, dns)).join()).toContain('resolvectl dns office');

    const dead: readonly [RegExp, RunResult] = [/resolvectl status/, failed('no bus', 1)];
    const order = { '/etc/resolvconf/interface-order': 'lo*\ntun*\n' };
    const fallback = machine([dead], order, programs);
    expect((await describePlan(fallback.system, dns)).join()).toContain('resolvconf -a lo.office');

    const alias = machine([dead], {}, { ...programs, resolvconf: '/usr/bin/resolvectl' });
    const folder = mkdtempSync(join(tmpdir(), 'wg-ts-resolv-'));
    const paths = { file: join(folder, 'resolv.conf'), folder, base: 'resolv.conf' };
    const planned = async (foreign?: string): Promise<string> => {
      const where = { ...paths, ...(foreign !== undefined && { foreign }) };
      const config = linuxNetConfig(alias.system, where);
      const { steps, warnings } = await config.plan({ ...settings, ...dns });
      return [...steps.map((step) => step.describe), ...warnings].join();
    };
    expect(await planned()).toContain('/etc/resolv.conf: add office');
    expect(await planned('it is strange')).toContain('to /etc/resolv.conf: it is strange.');
    rmSync(folder, { recursive: true });
  });

  it('and changes nothing', async () => {
    const { system, ran } = machine([], ipv6, { nft: '/usr/sbin/nft' });
    await describePlan(system, { routes: ['0.0.0.0/0', '::/0'], dnsServers: ['10.0.0.1'] });
    expect(ran.filter((text) => !/^ip -json /.test(text))).toEqual([]);
  });
});

describe('a failing step', () => {
  it.each([
    [/address add/, 'RTNETLINK answers: File exists\n', 'ERR_ADDRESS_IN_USE'],
    [/address add/, 'Error: ipv4: Address already assigned.\n', 'ERR_ADDRESS_IN_USE'],
    [/address add/, '\nCannot find device "office"\nmore\n', 'ERR_NETCONFIG'],
  ])('says which command and why: %s %j', async (pattern, stderr, code) => {
    const { system } = machine([[pattern, failed(stderr)]]);
    const { steps } = await linuxNetConfig(system).plan(settings);
    const command = 'ip -4 address add 10.0.0.2/24 dev office';
    await expect(steps[0]?.apply()).rejects.toMatchObject({
      name: 'NetConfigError',
      code,
      command,
      message: `${command}: ${stderr.trim().split('\n')[0]}`,
    });
  });
});

describe('the MTU of an interface that is up', () => {
  it('is set, or it is said why not', async () => {
    const { system, ran } = machine([]);
    await linuxNetConfig(system).setMtu?.({ name: 'office' }, 1300);
    expect(ran).toEqual(['ip link set dev office mtu 1300']);
    const refused = machine([[/mtu/, failed('Error: mtu less than device minimum.\n')]]).system;
    await expect(linuxNetConfig(refused).setMtu?.({ name: 'office' }, 1)).rejects.toMatchObject({
      code: 'ERR_NETCONFIG',
      message: 'ip link set dev office mtu 1: Error: mtu less than device minimum.',
    });
  });
});

describe('undo', () => {
  const commands: Command[] = [{ argv: ['first'] }, { argv: ['second'] }, { argv: ['third'] }];

  it('runs from the last to the first, reports failures and goes on', async () => {
    const { system, ran } = machine([[/second/, failed('Operation not permitted\n')]]);
    const errors: string[] = [];
    await linuxNetConfig(system).undo(commands, (error) => errors.push(error.message));
    expect(ran).toEqual(['third', 'second', 'first']);
    expect(errors).toEqual(['second: Operation not permitted']);
  });

  it.each([
    'RTNETLINK answers: No such file or directory',
    'Cannot find device "office"',
    'Error: Could not process rule: No such file or directory\ndelete table ip x',
    'iptables: Bad rule (does a matching rule exist in that chain?).',
  ])('accepts what is already gone: %s', async (stderr) => {
    const { system } = machine([[/./, failed(stderr)]]);
    const errors: Error[] = [];
    await linuxNetConfig(system).undo(commands, (error) => errors.push(error));
    expect(errors).toEqual([]);
  });
});

describe('the real machine', () => {
  it('tells a missing program, a failure and success apart', async () => {
    const { run } = realSystem;
    expect(await run({ argv: ['no-such-program-here'] })).toMatchObject({
      status: 127,
      stderr: 'no-such-program-here is not installed',
    });
    expect(await run({ argv: ['sh', '-c', 'echo no >&2; exit 3'] })).toEqual({
      status: 3,
      stdout: '',
      stderr: 'no\n',
    });
    expect(await run({ argv: ['cat'], stdin: 'in\n' })).toEqual({
      status: 0,
      stdout: 'in\n',
      stderr: '',
    });
  });

  it('survives a program that does not read its input', async () => {
    const result = await realSystem.run({ argv: ['true'], stdin: 'x'.repeat(1_000_000) });
    expect(result.status).toBe(0);
  });

  it('finds programs', async () => {
    expect(await realSystem.find('sh')).toMatch(/^\//);
    expect(await realSystem.find('no-such-program-here')).toBeUndefined();
    expect(await realSystem.read('/no/such/file')).toBeUndefined();
  });
});
