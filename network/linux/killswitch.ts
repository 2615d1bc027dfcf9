/**
 * nftables tables that restrict what may leave this machine beside a tunnel: the kill switch, which
 * lets nothing past the tunnel, and the DNS guard, which prevents DNS queries outside of it.
 *
 * A table belongs to the kernel, not to this process: after a crash it stays until its undo is run.
 * Each is created by one `nft -f`, which the kernel carries out as a whole, so there is no moment at
 * which an old table is gone and the new one does not exist yet.
 */
import type { Command } from '../../system/commands.js';
import { type Family, familyOf } from '../family.js';
import type { KillSwitchSettings } from '../netconfig.js';
import { nftIdentifier } from './firewall.js';
import type { PlannedStep } from './step.js';

const KILL_SWITCH = 'wg-ts-kill-';
const DNS_GUARD = 'wg-ts-dns-';
/** DNS (RFC 1035), and DNS over TLS or QUIC (RFC 7858, RFC 9250). */
const DNS_PORTS = '{ 53, 853 }';
/**
 * Group of the interfaces of all tunnels that set DNS servers, so that the guard of one lets the queries
 * of the other pass.
 */
export const DNS_GROUP = 53_853;

/**
 * Nothing leaves, nor is forwarded, except through the tunnel's interface or loopback, and:
 *
 * - the tunnel's own packets, identified by their mark, which only a process that may administer the
 *   network can set, and only over UDP: this includes the queries for the names of endpoints;
 * - those queries over TCP, by the same mark, to port 53 of the machine's own name servers;
 * - DHCP, neighbour and router discovery, and the reports without which a switch would not pass those
 *   on: none of it goes beyond the local network;
 * - `excluded` networks.
 *
 * Replies get no exception: otherwise an earlier connection would continue outside of the tunnel.
 * Incoming packets are not filtered.
 */
export function planKillSwitch(settings: KillSwitchSettings): PlannedStep {
  const { name, fwMark, excluded, nameServers } = settings;
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
    ...passTo(withoutZones(nameServers), `meta mark ${fwMark} tcp dport 53 `),
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

/** Returns whether `command` removes a kill switch, of any tunnel. */
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
  /**
   * Mark of the tunnel's own packets, which may go to one of these ports too, and of the queries for the
   * names of endpoints.
   */
  readonly fwMark: number;
  readonly excluded: readonly string[];
  /** Configured servers on the local network, which are reached past the tunnel. */
  readonly localServers: readonly string[];
}

/**
 * Names are resolved through the tunnel or another one that sets DNS servers, or by a resolver on this
 * machine, which itself has to use them. Forwarded packets, such as a container's queries, are not filtered.
 */
export function planDnsGuard(guard: DnsGuard): PlannedStep {
  const { interfaceName, fwMark, excluded, localServers } = guard;
  return planTable(DNS_GUARD + nftIdentifier(interfaceName), [
    'chain output {',
    'type filter hook output priority filter; policy accept;',
    `oifname { "lo", "${interfaceName}" } accept`,
    `oifgroup ${DNS_GROUP} accept`,
    `meta l4proto udp meta mark ${fwMark} accept`,
    `meta mark ${fwMark} tcp dport 53 accept`,
    ...passTo([...excluded, ...localServers]),
    `meta l4proto { tcp, udp } th dport ${DNS_PORTS} counter drop`,
    '}',
  ]);
}

/** Deletes the table first; adding it before makes the deletion succeed. */
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

/** The networks or addresses must not overlap. */
function passTo(networks: readonly string[], match = ''): string[] {
  const of = (family: Family): string[] =>
    networks.filter((network) => familyOf(network) === family);
  const rule = (pf: string, list: readonly string[]): string[] =>
    list.length === 0 ? [] : [`${pf} daddr { ${list.join(', ')} } ${match}accept`];
  return [...rule('ip', of(4)), ...rule('ip6', of(6))];
}

/** The zones of link-local addresses are not known to nft, and several may differ in that alone. */
function withoutZones(addresses: readonly string[]): string[] {
  return [...new Set(addresses.map((address) => address.replace(/%.*/, '')))];
}
