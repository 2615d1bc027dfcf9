import { describe, expect, it } from 'vitest';
import {
  isKillSwitchUndo,
  planDnsGuard,
  planKillSwitch,
} from '../../../network/linux/killswitch.js';
import { linuxNetConfig } from '../../../network/linux/netconfig.js';
import { planSteps, type SystemFacts } from '../../../network/linux/plan.js';
import type { InterfaceSettings, KillSwitchSettings } from '../../../network/netconfig.js';
import { commandText, realSystem, type System } from '../../../system/commands.js';

const settings: KillSwitchSettings = {
  name: 'office',
  fwMark: 51_820,
  excluded: [],
  nameServers: [],
};

function machine(files: Readonly<Record<string, string>>, programs: readonly string[]): System {
  return {
    ...realSystem,
    read: async (path) => files[path],
    find: async (program) => (programs.includes(program) ? `/usr/sbin/${program}` : undefined),
  };
}

function script(step: ReturnType<typeof planKillSwitch>): string {
  return step.command.stdin ?? '';
}

describe('the kill switch', () => {
  it('drops what no rule of its own lets out', () => {
    const text = script(planKillSwitch(settings));
    expect(text).toContain('type filter hook output priority filter; policy drop;');
    expect(text).toContain('type filter hook forward priority filter; policy drop;');
    expect(text.match(/accept$/gm)).toHaveLength(9);
    expect(text).not.toContain('dport 53');
  });

  it('replaces the table of the same name as a whole', () => {
    const step = planKillSwitch(settings);
    expect(commandText(step.command)).toBe('nft -f -');
    expect(script(step).split('\n').slice(0, 3)).toEqual([
      'add table inet wg-ts-kill-office',
      'delete table inet wg-ts-kill-office',
      'table inet wg-ts-kill-office {',
    ]);
    expect(step.undo.map(commandText)).toEqual(['nft delete table inet wg-ts-kill-office']);
    expect(step.undo.every(isKillSwitchUndo)).toBe(true);
  });

  it('lets excluded networks pass, from here and forwarded', () => {
    const text = script(planKillSwitch({ ...settings, excluded: ['10.0.0.0/8', 'fc00::/7'] }));
    expect(text.match(/ip daddr \{ 10\.0\.0\.0\/8 \} accept/g)).toHaveLength(2);
    expect(text.match(/ip6 daddr \{ fc00::\/7 \} accept/g)).toHaveLength(2);
  });

  it('lets the tunnel’s own queries pass over TCP, to the known servers alone', () => {
    const nameServers = ['192.0.2.53', '2001:db8::53', 'fe80::1%eth0', 'fe80::1%eth1'];
    const text = script(planKillSwitch({ ...settings, nameServers }));
    expect(text.match(/.*dport 53.*/g)).toEqual([
      'ip daddr { 192.0.2.53 } meta mark 51820 tcp dport 53 accept',
      'ip6 daddr { 2001:db8::53, fe80::1 } meta mark 51820 tcp dport 53 accept',
    ]);
  });

  it('cannot do without a mark', () => {
    expect(() => planKillSwitch({ ...settings, fwMark: 0 })).toThrow(RangeError);
  });

  it('is not available without nft', async () => {
    expect(await linuxNetConfig(machine({}, ['iptables'])).killSwitch?.(settings)).toBeUndefined();
    expect(await linuxNetConfig(machine({}, ['nft'])).killSwitch?.(settings)).toMatchObject({
      describe: 'nft -f -',
    });
  });

  it.each([
    ['nft delete table inet wg-ts-dns-office', false],
    ['nft delete table ip wg-ts-office', false],
    ['nft delete table ip wg-ts-kill-x', false],
    ['ip -4 rule delete priority 1', false],
    ['nft delete table inet wg-ts-kill-office', true],
  ])('is told from other undo: %s', (text, is) => {
    expect(isKillSwitchUndo({ argv: text.split(' ') })).toBe(is);
  });
});

const tunnel: InterfaceSettings = {
  name: 'office',
  addresses: ['10.0.0.2/24'],
  mtu: 1420,
  routes: ['0.0.0.0/0'],
  table: 'auto',
  fwMark: 51_820,
  dnsServers: ['10.0.0.1'],
  dnsSearch: [],
  endpoints: [],
  listenPort: 51_820,
};
const facts: SystemFacts = {
  addresses: new Map(),
  ipv6: true,
  rules: { 4: [0, 32_766], 6: [0, 32_766] },
  validMark: { isOn: true, strict: [] },
  firewall: 'nft',
  dns: { type: 'resolvectl' },
  localDns: [],
};

function plan(change: Partial<InterfaceSettings>, system: Partial<SystemFacts> = {}) {
  const { steps, warnings } = planSteps({ ...tunnel, ...change }, { ...facts, ...system });
  const guard = steps.findIndex(({ command }) => command.stdin?.includes('wg-ts-dns-'));
  return { steps, warnings, guard, text: steps[guard]?.command.stdin ?? '' };
}

describe('the DNS guard', () => {
  it('comes before the resolver is set, and goes with its table', () => {
    const { steps, guard } = plan({});
    const commands = steps.map(({ command }) => commandText(command));
    expect(guard).toBe(commands.indexOf('resolvectl dns office 10.0.0.1') - 1);
    expect(steps[guard]?.undo.map(commandText)).toEqual(['nft delete table inet wg-ts-dns-office']);
  });

  it.each<[string, Partial<InterfaceSettings>]>([
    ['without a default route', { routes: ['10.0.0.0/8'] }],
    ['without servers', { dnsServers: [] }],
    ['with a table of its own', { table: 77 }],
    ['without routes', { table: 'off' }],
  ])('is not there %s', (_, change) => {
    expect(plan(change).guard).toBe(-1);
  });

  it('is left out with a message where there is only iptables', () => {
    const { guard, warnings } = plan({}, { firewall: 'iptables' });
    expect(guard).toBe(-1);
    expect(warnings).toEqual([expect.stringContaining('install nftables')]);
  });

  it('lets pass a server on the local network, unless that is the tunnel’s own', () => {
    const dnsServers = ['192.168.1.1', '10.0.0.1'];
    const { text, warnings } = plan({ dnsServers }, { localDns: dnsServers });
    expect(text).toContain('ip daddr { 192.168.1.1 } accept');
    expect(warnings).toEqual([
      'DNS 192.168.1.1 is on the local network: it is queried past the tunnel',
    ]);
    expect(plan({ dnsServers, killSwitch: true }, { localDns: dnsServers }).warnings).toEqual([
      expect.stringContaining('add it to ExcludedIPs'),
    ]);
    const excluded = ['192.168.0.0/16'];
    expect(plan({ dnsServers, excluded }, { localDns: dnsServers })).toMatchObject({
      warnings: [],
      text: expect.stringContaining('ip daddr { 192.168.0.0/16 } accept'),
    });
  });

  const guard = { interfaceName: 'office', fwMark: 1, excluded: [], localServers: [] };

  it('drops DNS over TLS as well', () => {
    expect(script(planDnsGuard(guard))).toContain('th dport { 53, 853 } counter drop');
  });

  it('lets the tunnel’s own queries pass, over UDP and TCP', () => {
    expect(script(planDnsGuard(guard)).match(/.*mark 1 .*accept/g)).toEqual([
      'meta l4proto udp meta mark 1 accept',
      'meta mark 1 tcp dport 53 accept',
    ]);
  });
});

describe('excluded networks', () => {
  it('get throw routes in the table of the default route, and lose them again', () => {
    const excluded = ['10.0.0.0/8', '192.168.0.0/16', 'fc00::/7'];
    const { steps } = plan({ excluded, routes: ['0.0.0.0/0', '::/0'] });
    const batches = steps.filter(({ command }) => command.argv.includes('-batch'));
    expect(batches.map(({ command }) => [commandText(command), command.stdin])).toEqual([
      [
        'ip -4 -batch -',
        'route add throw 10.0.0.0/8 table 51820\nroute add throw 192.168.0.0/16 table 51820\n',
      ],
      ['ip -6 -batch -', 'route add throw fc00::/7 table 51820\n'],
    ]);
    expect(batches.flatMap(({ undo }) => undo.map(commandText))).toEqual([
      'ip -4 route flush type throw table 51820',
      'ip -6 route flush type throw table 51820',
    ]);
  });

  it('of a family that the machine does not have are left alone', () => {
    const { steps } = plan({ excluded: ['fc00::/7'] }, { ipv6: false });
    expect(steps.some(({ command }) => command.argv.includes('-batch'))).toBe(false);
  });

  it('need nothing where there is no default route', () => {
    const { steps } = plan({ excluded: ['10.1.0.0/16'], routes: ['10.0.0.0/16'] });
    expect(steps.some(({ command }) => command.argv.includes('-batch'))).toBe(false);
  });
});
