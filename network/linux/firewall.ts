import type { Family } from '../family.js';
import type { PlannedStep } from './step.js';

export type Firewall = 'nft' | 'iptables';

export interface SpoofGuard {
  readonly interfaceName: string;
  readonly family: Family;
  /** Addresses of the interface, without prefix length. */
  readonly addresses: readonly string[];
  readonly fwMark: number;
}

/**
 * The firewall rules that wg-quick(8) sets with a default route. Packets to the tunnel's addresses that
 * arrive by another interface are dropped: otherwise a neighbour on the local network could learn the
 * address and inject packets (CVE-2019-14899). The mark is stored with the connection, so that strict
 * reverse path filtering accepts the replies to the tunnel's own packets. Beyond wg-quick, this includes
 * queries for the names of endpoints over TCP.
 */
export function planSpoofGuard(firewall: Firewall, guard: SpoofGuard): PlannedStep[] {
  return firewall === 'nft' ? [nftStep(guard)] : iptablesSteps(guard);
}

function nftStep({ interfaceName, family, addresses, fwMark }: SpoofGuard): PlannedStep {
  const pf = family === 4 ? 'ip' : 'ip6';
  const table = `${pf} wg-ts-${nftIdentifier(interfaceName)}`;
  const drops = addresses.map(
    (address) =>
      `add rule ${table} preraw iifname != "${interfaceName}" ${pf} daddr ${address} fib saddr type != local drop`,
  );
  const script = [
    // Removes rules that a killed process left behind: adding the table first makes the deletion
    // succeed.
    `add table ${table}`,
    `delete table ${table}`,
    `add table ${table}`,
    `add chain ${table} preraw { type filter hook prerouting priority -300; }`,
    `add chain ${table} premangle { type filter hook prerouting priority -150; }`,
    `add chain ${table} postmangle { type filter hook postrouting priority -150; }`,
    ...drops,
    `add rule ${table} postmangle meta l4proto udp meta mark ${fwMark} ct mark set meta mark`,
    `add rule ${table} premangle meta l4proto udp meta mark set ct mark`,
    `add rule ${table} postmangle tcp dport 53 meta mark ${fwMark} ct mark set meta mark`,
    `add rule ${table} premangle tcp sport 53 ct mark ${fwMark} meta mark set ct mark`,
  ];
  return {
    command: { argv: ['nft', '-f', '-'], stdin: `${script.join('\n')}\n` },
    undo: [{ argv: ['nft', 'delete', 'table', ...table.split(' ')] }],
  };
}

/**
 * Escapes characters that nft does not allow in an identifier with `/`, which no interface name
 * contains.
 */
export function nftIdentifier(name: string): string {
  return name.replace(/[^A-Za-z0-9_.-]/g, (c) => `/${c.charCodeAt(0).toString(16)}`);
}

function iptablesSteps({ interfaceName, family, addresses, fwMark }: SpoofGuard): PlannedStep[] {
  const program = family === 4 ? 'iptables' : 'ip6tables';
  const comment = ['-m', 'comment', '--comment', `wg-ts rule for ${interfaceName}`];
  const rule = (table: string, ...match: string[]): PlannedStep => {
    const command = (verb: '-I' | '-D'): { argv: string[] } => ({
      argv: [program, '-w', '-t', table, verb, ...match, ...comment],
    });
    return { command: command('-I'), undo: [command('-D')] };
  };
  return [
    ...addresses.map((address) =>
      rule(
        'raw',
        ...['PREROUTING', '!', '-i', interfaceName, '-d', address],
        ...['-m', 'addrtype', '!', '--src-type', 'LOCAL', '-j', 'DROP'],
      ),
    ),
    rule(
      'mangle',
      ...['POSTROUTING', '-p', 'udp', '-m', 'mark', '--mark', String(fwMark)],
      ...['-j', 'CONNMARK', '--save-mark'],
    ),
    rule('mangle', 'PREROUTING', '-p', 'udp', '-j', 'CONNMARK', '--restore-mark'),
    rule(
      'mangle',
      ...['POSTROUTING', '-p', 'tcp', '--dport', '53', '-m', 'mark', '--mark', String(fwMark)],
      ...['-j', 'CONNMARK', '--save-mark'],
    ),
    rule(
      'mangle',
      ...['PREROUTING', '-p', 'tcp', '--sport', '53'],
      ...['-m', 'connmark', '--mark', String(fwMark), '-j', 'CONNMARK', '--restore-mark'],
    ),
  ];
}
