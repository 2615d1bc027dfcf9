/**
 * What may leave this machine beside a tunnel, as nftables tables of their own: the kill switch, which
 * lets nothing past the tunnel, and the DNS guard, which keeps names from being asked outside of it.
 *
 * A table is the kernel's, not this process's: it stands after a crash until its undo is run. Each is
 * made by one `nft -f`, which the kernel carries out as a whole, so there is no moment at which an old
 * table is gone and the new one is not there.
 */
import { formatIp, parseIp } from '../../protocol/ip.js';
import type { Command, System } from '../../system/commands.js';
import { type Family, familyOf, isLoopback } from '../family.js';
import type { KillSwitchSettings } from '../netconfig.js';
import { nftIdentifier } from './firewall.js';
import type { PlannedStep } from './step.js';

const KILL_SWITCH = 'wg-ts-kill-';
const DNS_GUARD = 'wg-ts-dns-';
/** DNS (RFC 1035), and DNS over TLS or QUIC (RFC 7858, RFC 9250). */
const DNS_PORTS = '{ 53, 853 }';

/** Who answers names now, and who asks them. */
export interface DnsWay {
  /** Canonical text. */
  readonly servers: readonly string[];
  /** The only user whose questions pass; absent: a resolver on this machine asks, under its own user. */
  readonly userId?: number;
}

/**
 * Nothing leaves, nor is forwarded, but through the tunnel's interface or loopback; except for
 *
 * - the tunnel's own packets, told by their mark, which only a process that may administer the network
 *   can set, and only over UDP;
 * - DHCP, neighbour and router discovery, and the reports without which a switch would not pass those
 *   on: none of it goes beyond the local network;
 * - `excluded` networks.
 *
 * Answers have no privilege: a connection from before would otherwise go on outside of the tunnel. What
 * comes in is not looked at. `dns` is for as long as the names of endpoints are not resolved.
 */
export function planKillSwitch(settings: KillSwitchSettings, dns?: DnsWay): PlannedStep {
  const { name, fwMark, excluded } = settings;
  if (fwMark === 0) throw new RangeError('a kill switch needs a firewall mark');
  return planTable(KILL_SWITCH + nftIdentifier(name), [
    'chain output {',
    'type filter hook output priority filter; policy drop;',
    'oifname "lo" accept',
    `oifname "${name}" accept`,
    `meta l4proto udp meta mark ${fwMark} accept`,
    'meta nfproto ipv4 udp sport 68 udp dport 67 accept',
    'ip6 saddr fe80::/10 ip6 daddr { fe80::/10, ff02::1:2 } udp sport 546 udp dport 547 accept',
    'icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept',
    'ip6 daddr ff02::/16 icmpv6 type { mld-listener-report, mld-listener-done, mld2-listener-report } accept',
    ...passTo(excluded),
    ...(dns ? passDns(dns) : []),
    'counter comment "past the tunnel"',
    '}',
    'chain forward {',
    'type filter hook forward priority filter; policy drop;',
    `oifname "${name}" accept`,
    `iifname "${name}" accept`,
    ...passTo(excluded),
    'counter comment "past the tunnel"',
    '}',
  ]);
}

/** Whether `command` takes a kill switch away, of whatever tunnel. */
export function isKillSwitchUndo({ argv }: Command): boolean {
  const [program, ...args] = argv;
  return (
    program === 'nft' && args.slice(0, 3).join(' ') === 'delete table inet' && isKillSwitch(args[3])
  );
}

function isKillSwitch(table: string | undefined): boolean {
  return table?.startsWith(KILL_SWITCH) === true;
}

export interface DnsGuard {
  readonly interfaceName: string;
  /** Of the tunnel's own packets, which may go to one of these ports too. */
  readonly fwMark: number;
  readonly excluded: readonly string[];
  /** Servers that were asked for and are reached past the tunnel, as they are on the local network. */
  readonly localServers: readonly string[];
}

/**
 * Names are asked through the tunnel or of a resolver on this machine, which itself has to ask through
 * the tunnel. What is only forwarded, such as a container's questions, is not looked at.
 */
export function planDnsGuard(guard: DnsGuard): PlannedStep {
  const { interfaceName, fwMark, excluded, localServers } = guard;
  return planTable(DNS_GUARD + nftIdentifier(interfaceName), [
    'chain output {',
    'type filter hook output priority filter; policy accept;',
    `oifname { "lo", "${interfaceName}" } accept`,
    `meta l4proto udp meta mark ${fwMark} accept`,
    ...passTo([...excluded, ...localServers]),
    `meta l4proto { tcp, udp } th dport ${DNS_PORTS} counter drop`,
    '}',
  ]);
}

/** Deletes the table first, which adding it before makes sure to succeed. */
function planTable(table: string, lines: readonly string[]): PlannedStep {
  const script = [
    `add table inet ${table}`,
    `delete table inet ${table}`,
    `table inet ${table} {`,
    ...lines,
    '}',
  ];
  return {
    command: { argv: ['nft', '-f', '-'], stdin: `${script.join('\n')}\n` },
    undo: [{ argv: ['nft', 'delete', 'table', 'inet', table] }],
  };
}

/** Networks or addresses, which must not overlap. */
function passTo(networks: readonly string[], match = ''): string[] {
  const of = (family: Family): string[] =>
    networks.filter((network) => familyOf(network) === family);
  const rule = (pf: string, list: readonly string[]): string[] =>
    list.length === 0 ? [] : [`${pf} daddr { ${list.join(', ')} } ${match}accept`];
  return [...rule('ip', of(4)), ...rule('ip6', of(6))];
}

function passDns({ servers, userId }: DnsWay): string[] {
  const user = userId === undefined ? '' : `meta skuid ${userId} `;
  return passTo(servers, `${user}meta l4proto { tcp, udp } th dport 53 `);
}

/**
 * How this machine resolves names: by the servers of /etc/resolv.conf, asked by the user of this
 * process; or, where that names only a resolver on loopback, by what systemd-resolved or
 * NetworkManager's dnsmasq ask. Without a known server nothing is let out, and resolving fails.
 */
export async function findDnsWay({ read }: System, userId: number): Promise<DnsWay> {
  const servers = nameServers(await read('/etc/resolv.conf')).filter((ip) => !isLoopback(ip));
  if (servers.length > 0) return { servers, userId };
  const upstream = await Promise.all(
    ['/run/systemd/resolve/resolv.conf', '/run/NetworkManager/no-stub-resolv.conf'].map(read),
  );
  const found = upstream.flatMap(nameServers).filter((ip) => !isLoopback(ip));
  return { servers: [...new Set(found)] };
}

function nameServers(text: string | undefined): string[] {
  const found = new Set<string>();
  for (const line of (text ?? '').split('\n')) {
    const [key, value = ''] = line.trim().split(/\s+/);
    const ip = key === 'nameserver' ? parseIp(value) : undefined;
    if (ip) found.add(formatIp(ip));
  }
  return [...found];
}
