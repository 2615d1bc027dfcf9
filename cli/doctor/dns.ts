/** Checks that names are resolved by the servers of a tunnel. */
import type { DnsFacts, MachineFacts, TunnelFacts } from './facts.js';
import { type Outcome, ok, problem } from './finding.js';

const FILE = '/etc/resolv.conf';
const WAYS: Readonly<Record<DnsFacts['way'], string>> = {
  resolvectl: 'systemd-resolved',
  resolvconf: 'resolvconf',
  file: `${FILE}, written by wg-ts`,
  none: 'nothing',
};

/** For a tunnel that sets name servers. */
export function checkDnsWay(
  { name, configuration: { dnsServers }, running }: TunnelFacts,
  { dns }: MachineFacts,
): Outcome[] {
  if (!dns || dnsServers.length === 0) return [];
  const isNamed = dnsServers.some((server) => dns.servers.includes(server));
  if (dns.fixed !== undefined && !isNamed)
    return [
      problem(
        `${dnsServers.join(', ')} cannot be written to ${FILE}: ${dns.fixed}`,
        'make it writable, or remove DNS from the file; in a container, --dns sets the servers',
      ),
    ];
  const way = WAYS[dns.way];
  if (!running) return [ok(dns.way === 'none' ? `named in ${FILE}` : `will be set by ${way}`)];
  const top = dns.writtenFor.at(-1);
  if (top === name) return [ok(`set by ${WAYS.file}`)];
  if (dns.writtenFor.includes(name))
    return [ok(`set by ${WAYS.file}: ${top} came up later, so its servers are queried`)];
  if (dns.isManaged || isNamed)
    return [ok(dns.way === 'file' || dns.way === 'none' ? `named in ${FILE}` : `set by ${way}`)];
  const others = dns.servers.length > 0 ? dns.servers.join(', ') : 'no server';
  return [
    problem(
      `${FILE} is not ours any more: it names ${others} instead of ${dnsServers.join(', ')}`,
      `keep the program that writes it from doing so, then wg-ts down ${name} and up again`,
    ),
  ];
}

/** After a power failure there is nothing else left of the tunnel. */
export function checkLeftDns({ dns, interfaces, crashedTunnels }: MachineFacts): Outcome[] {
  const names = dns?.writtenFor ?? [];
  const isKnown = (name: string): boolean =>
    crashedTunnels.includes(name) || interfaces.some((one) => one.name === name);
  const [name] = names;
  if (name === undefined || names.some(isKnown)) return [];
  return [
    problem(
      `${FILE} has the servers of ${names.join(', ')}, which is not up any more`,
      `sudo wg-ts down ${name}`,
    ),
  ];
}
