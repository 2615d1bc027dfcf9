import { describe, expect, it } from 'vitest';
import { freeRulePriorities } from '../../network/linux/defaultroute.js';
import { planRoute, planSteps, type SystemFacts } from '../../network/linux/plan.js';
import type { InterfaceSettings } from '../../network/netconfig.js';
import { commandText } from '../../system/commands.js';

const settings: InterfaceSettings = {
  name: 'office',
  addresses: ['10.0.0.2/24', 'fd00::2/64'],
  mtu: 1420,
  routes: [],
  table: 'auto',
  fwMark: 0,
  dnsServers: [],
  dnsSearch: [],
  endpoints: [],
  listenPort: 51820,
};

const facts: SystemFacts = {
  addresses: new Map(),
  ipv6: true,
  rules: { 4: [0, 32766, 32767], 6: [0, 32766] },
  validMark: { isOn: true, strict: [] },
  firewall: 'nft',
  dns: undefined,
  localDns: [],
};

function plan(
  change: Partial<InterfaceSettings>,
  system: Partial<SystemFacts> = {},
): { commands: string[]; undo: string[]; stdin: string[]; warnings: readonly string[] } {
  const { steps, warnings } = planSteps({ ...settings, ...change }, { ...facts, ...system });
  return {
    commands: steps.map(({ command }) => commandText(command)),
    undo: steps.flatMap(({ undo }) => undo.map(commandText)),
    stdin: steps.flatMap(({ command }) => (command.stdin === undefined ? [] : [command.stdin])),
    warnings,
  };
}

const BASE = [
  'ip -4 address add 10.0.0.2/24 dev office',
  'ip -6 address add fd00::2/64 dev office',
  'ip link set mtu 1420 txqueuelen 4000 up dev office',
];

describe('the plan of an interface', () => {
  it('sets addresses and brings it up', () => {
    expect(plan({})).toEqual({ commands: BASE, undo: [], stdin: [], warnings: [] });
  });

  it('adds routes to the main table, the narrowest first', () => {
    const routes = ['172.16.0.0/12', '192.168.7.0/24', 'fd01::/48'];
    expect(plan({ routes }).commands.slice(3)).toEqual([
      'ip -6 route add fd01::/48 dev office',
      'ip -4 route add 192.168.7.0/24 dev office',
      'ip -4 route add 172.16.0.0/12 dev office',
    ]);
  });

  it('leaves out what the addresses already route', () => {
    const routes = ['10.0.0.0/24', '10.0.0.7/32', '10.0.0.0/8', 'fd00::/64', 'fd00::9/128'];
    expect(plan({ routes }).commands.slice(3)).toEqual(['ip -4 route add 10.0.0.0/8 dev office']);
  });

  it('routes its own network when the address is a single host', () => {
    const { commands } = plan({ addresses: ['10.0.0.2/32'], routes: ['10.0.0.2/32'] });
    expect(commands).toContain('ip -4 route add 10.0.0.2/32 dev office');
  });

  it('puts all routes into a given table, without rules', () => {
    const routes = ['0.0.0.0/0', '10.0.0.0/24', '::/0'];
    expect(plan({ routes, table: 77 })).toMatchObject({
      commands: [
        ...BASE,
        'ip -4 route add 10.0.0.0/24 dev office table 77',
        'ip -4 route add 0.0.0.0/0 dev office table 77',
        'ip -6 route add ::/0 dev office table 77',
      ],
      undo: [],
    });
  });

  it('adds no routes when the table is off', () => {
    expect(plan({ routes: ['0.0.0.0/0', '10.9.0.0/16'], table: 'off' }).commands).toEqual(BASE);
  });

  it('leaves IPv6 out on a machine without it, and says so', () => {
    const { commands, warnings } = plan(
      { routes: ['0.0.0.0/0', '::/0'], fwMark: 51820 },
      { ipv6: false },
    );
    expect(commands.filter((command) => command.includes('-6'))).toEqual([]);
    expect(warnings).toEqual(['IPv6 is disabled on this machine, so fd00::2/64, ::/0 is left out']);
  });

  it('warns of an MTU below that of IPv6', () => {
    expect(plan({ mtu: 1279 }).warnings).toEqual([expect.stringContaining('1280')]);
    expect(plan({ mtu: 1280 }).warnings).toEqual([]);
    expect(plan({ mtu: 1000, addresses: ['10.0.0.2/24'] }).warnings).toEqual([]);
  });

  it('warns of an address that another interface has', () => {
    const taken = new Map([['10.0.0.2', 'eth0']]);
    const { commands, warnings } = plan({}, { addresses: taken });
    expect(warnings).toEqual(['interface eth0 has the address 10.0.0.2 too']);
    expect(commands).toEqual(plan({}).commands);
    expect(plan({}, { addresses: new Map([['10.0.0.2', 'office']]) }).warnings).toEqual([]);
  });

  it('allows a link-local address on several interfaces', () => {
    const addresses = new Map([['fe80::1', 'eth0']]);
    expect(plan({ addresses: ['fe80::1/64'] }, { addresses }).warnings).toEqual([]);
  });

  it('refuses an invalid name', () => {
    expect(() => plan({ name: 'a b' })).toThrow(expect.objectContaining({ code: 'ERR_NAME' }));
  });
});

describe('the plan of a default route', () => {
  it("has wg-quick(8)'s rules with priorities of its own", () => {
    const { commands, undo } = plan({ routes: ['0.0.0.0/0'], fwMark: 51820 });
    expect(commands.slice(3)).toEqual([
      'nft -f -',
      'ip -4 route add 0.0.0.0/0 dev office table 51820',
      'ip -4 rule add priority 32764 not fwmark 51820 table main suppress_prefixlength 0',
      'ip -4 rule add priority 32765 not fwmark 51820 table 51820',
    ]);
    expect(undo).toEqual([
      'nft delete table ip wg-ts-office',
      'ip -4 rule delete priority 32764 not fwmark 51820 table main suppress_prefixlength 0',
      'ip -4 rule delete priority 32765 not fwmark 51820 table 51820',
    ]);
  });

  it('does the same for IPv6', () => {
    const { commands } = plan({ routes: ['::/0'], fwMark: 9 });
    expect(commands.slice(3)).toEqual([
      'nft -f -',
      'ip -6 route add ::/0 dev office table 9',
      'ip -6 rule add priority 32764 not fwmark 9 table main suppress_prefixlength 0',
      'ip -6 rule add priority 32765 not fwmark 9 table 9',
    ]);
  });

  it('keeps forged packets from the addresses of its family', () => {
    const [script] = plan({ routes: ['::/0'], fwMark: 9 }).stdin;
    expect(script).toContain(
      'add rule ip6 wg-ts-office preraw iifname != "office" ip6 daddr fd00::2 fib saddr type != local drop\n',
    );
    expect(script).not.toContain('10.0.0.2');
    expect(script).toContain('postmangle meta l4proto udp meta mark 9 ct mark set meta mark\n');
    expect(script).toContain('postmangle tcp dport 53 meta mark 9 ct mark set meta mark\n');
  });

  it('switches src_valid_mark on once, for IPv4 only', () => {
    const sysctl = 'sysctl -q net.ipv4.conf.all.src_valid_mark=1';
    const both = { routes: ['0.0.0.0/0', '::/0'], fwMark: 1 };
    const count = (commands: string[]): number => commands.filter((c) => c === sysctl).length;
    expect(count(plan(both, { validMark: { isOn: false, strict: [] } }).commands)).toBe(1);
    expect(count(plan(both).commands)).toBe(0);
    expect(
      count(
        plan({ ...both, routes: ['::/0'] }, { validMark: { isOn: false, strict: [] } }).commands,
      ),
    ).toBe(0);
  });

  it('uses iptables without nft', () => {
    const { commands, undo } = plan({ routes: ['0.0.0.0/0'], fwMark: 5 }, { firewall: 'iptables' });
    const rules = commands.filter((command) => command.startsWith('iptables '));
    expect(rules).toEqual([
      "iptables -w -t raw -I PREROUTING ! -i office -d 10.0.0.2 -m addrtype ! --src-type LOCAL -j DROP -m comment --comment 'wg-ts rule for office'",
      "iptables -w -t mangle -I POSTROUTING -p udp -m mark --mark 5 -j CONNMARK --save-mark -m comment --comment 'wg-ts rule for office'",
      "iptables -w -t mangle -I PREROUTING -p udp -j CONNMARK --restore-mark -m comment --comment 'wg-ts rule for office'",
      "iptables -w -t mangle -I POSTROUTING -p tcp --dport 53 -m mark --mark 5 -j CONNMARK --save-mark -m comment --comment 'wg-ts rule for office'",
      "iptables -w -t mangle -I PREROUTING -p tcp --sport 53 -m connmark --mark 5 -j CONNMARK --restore-mark -m comment --comment 'wg-ts rule for office'",
    ]);
    expect(undo.slice(0, 5)).toEqual(rules.map((rule) => rule.replace(' -I ', ' -D ')));
  });

  it('warns when there is no firewall', () => {
    const { warnings } = plan({ routes: ['::/0'], fwMark: 5 }, { firewall: undefined });
    expect(warnings).toEqual([expect.stringContaining('neither nft nor iptables')]);
  });

  it('refuses names that a firewall rule cannot hold', () => {
    const named = { name: 'a"b', routes: ['0.0.0.0/0'], fwMark: 5 };
    expect(() => plan(named)).toThrow(expect.objectContaining({ code: 'ERR_NAME' }));
    const [script] = plan({ ...named, name: 'a=b+' }).stdin;
    expect(script).toContain('add table ip wg-ts-a/3db/2b\n');
  });

  it('refuses to be without a mark', () => {
    expect(() => plan({ routes: ['0.0.0.0/0'] })).toThrow(RangeError);
  });

  it('is left out for halves of the address space, which are ordinary routes', () => {
    const { commands, undo } = plan({ routes: ['0.0.0.0/1', '128.0.0.0/1'] });
    expect(commands.slice(3)).toEqual([
      'ip -4 route add 0.0.0.0/1 dev office',
      'ip -4 route add 128.0.0.0/1 dev office',
    ]);
    expect(undo).toEqual([]);
  });
});

describe('priorities of policy rules', () => {
  it('precede all present rules', () => {
    expect(freeRulePriorities([0, 32766, 32767])).toBe(32764);
    expect(freeRulePriorities([0, 32764, 32765, 32766])).toBe(32762);
    expect(freeRulePriorities([])).toBe(32764);
    expect(freeRulePriorities([0, 3, 32766])).toBe(1);
  });

  it('are the last free ones when there is no room in front', () => {
    expect(freeRulePriorities([0, 1, 32766])).toBe(32764);
    expect(freeRulePriorities([0, 2, 32764, 32766])).toBe(32762);
  });
});

describe('DNS', () => {
  const asked = { dnsServers: ['10.0.0.1', 'fd00::1'], dnsSearch: ['corp.example', 'lab.example'] };

  const lines = 'nameserver 10.0.0.1\nnameserver fd00::1\nsearch corp.example lab.example\n';
  const group = 'ip link set group 53853 dev office';
  const ensure = '/etc/resolv.conf: add office if missing';
  const remove = '/etc/resolv.conf: remove office';
  const fixed = { reason: 'it is read-only', servers: ['192.168.1.1'] };

  it('goes to systemd-resolved', () => {
    expect(plan(asked, { dns: { type: 'resolvectl' } })).toMatchObject({
      commands: [
        ...BASE,
        group,
        'resolvectl dns office 10.0.0.1 fd00::1',
        'resolvectl domain office ~. corp.example lab.example',
        ensure,
      ],
      undo: [remove],
      warnings: [],
    });
  });

  it('goes to resolvconf, and is taken back there', () => {
    expect(plan(asked, { dns: { type: 'resolvconf', prefix: 'tun.' } })).toMatchObject({
      commands: [...BASE, group, 'resolvconf -a tun.office -m 0 -x', ensure],
      stdin: [lines, lines],
      undo: ['resolvconf -d tun.office -f', remove],
    });
  });

  it('goes to the file when there is neither', () => {
    expect(plan(asked, { dns: { type: 'file' } })).toEqual({
      commands: [...BASE, group, '/etc/resolv.conf: add office'],
      stdin: [lines],
      undo: [remove],
      warnings: [],
    });
  });

  const full = { ...asked, routes: ['0.0.0.0/0'], fwMark: 9 };
  const isGuarded = (dns: SystemFacts['dns'], change: Partial<InterfaceSettings> = full): boolean =>
    plan(change, { dns }).stdin.some((text) => text.includes('wg-ts-dns-office'));

  it('is guarded exactly where programs will ask the servers', () => {
    expect(isGuarded({ type: 'file' })).toBe(true);
    expect(isGuarded({ type: 'resolvectl' })).toBe(true);
    expect(isGuarded({ type: 'resolvconf', prefix: '' })).toBe(true);
    expect(isGuarded({ type: 'file' }, asked)).toBe(false);
    expect(isGuarded({ type: 'none', fixed })).toBe(false);
    expect(isGuarded({ type: 'resolvectl', fixed })).toBe(false);
    expect(isGuarded({ type: 'resolvconf', prefix: '', fixed })).toBe(false);
    const named = { ...fixed, servers: ['10.0.0.1'] };
    expect(isGuarded({ type: 'none', fixed: named })).toBe(true);
  });

  it('is a warning that says what is not protected when the file cannot be written', () => {
    const { commands, warnings } = plan(asked, { dns: { type: 'none', fixed } });
    expect(commands).toEqual(BASE);
    expect(warnings).toEqual([
      'DNS 10.0.0.1, fd00::1 cannot be written to /etc/resolv.conf: it is read-only. Names are resolved by 192.168.1.1 as before, and DNS past the tunnel is not blocked',
    ]);
  });

  it('needs a server that the kill switch lets be reached', () => {
    const dns = { type: 'none', fixed } as const;
    const closed = { ...full, killSwitch: true };
    const local = { dns, localDns: ['192.168.1.1'] };
    expect(() => plan(closed, local)).toThrow(
      expect.objectContaining({ code: 'ERR_NETCONFIG', hint: expect.stringContaining('Excluded') }),
    );
    expect(() => plan({ ...closed, routes: ['10.9.0.0/16'] }, { dns })).toThrow('no name');
    expect(plan(closed, { dns }).warnings).toEqual([expect.stringContaining('kill switch')]);
    const excluded = ['192.168.1.0/24'];
    expect(() => plan({ ...closed, excluded }, local)).not.toThrow();
    const loopback = { ...dns, fixed: { ...fixed, servers: ['127.0.0.11'] } };
    expect(() => plan(closed, { dns: loopback })).not.toThrow();
  });

  it('needs a server for search domains', () => {
    const { commands, warnings } = plan(
      { dnsSearch: ['corp.example'] },
      { dns: { type: 'resolvectl' } },
    );
    expect(commands).toEqual(BASE);
    expect(warnings).toEqual([expect.stringContaining('corp.example')]);
  });
});

describe('one route more', () => {
  const planned = (
    route: string,
    change: Partial<InterfaceSettings> = {},
    ipv6 = true,
  ): string[] => {
    const step = planRoute({ ...settings, ...change }, route, ipv6);
    return step ? [step.command, ...step.undo].map(commandText) : [];
  };

  it('has an undo, as the interface stays', () => {
    expect(planned('192.168.7.0/24')).toEqual([
      'ip -4 route add 192.168.7.0/24 dev office',
      'ip -4 route del 192.168.7.0/24 dev office',
    ]);
    expect(planned('fd01::/48', { table: 77 })).toEqual([
      'ip -6 route add fd01::/48 dev office table 77',
      'ip -6 route del fd01::/48 dev office table 77',
    ]);
  });

  it('is not needed where the address brings it, without routes, or without IPv6', () => {
    expect(planned('10.0.0.7/32')).toEqual([]);
    expect(planned('10.0.0.7/32', { table: 77 })).toHaveLength(2);
    expect(planned('192.168.7.0/24', { table: 'off' })).toEqual([]);
    expect(planned('fd01::/48', {}, false)).toEqual([]);
  });
});
