import { MIN_IPV6_MTU } from '../../protocol/constants.js';
import { contains, isLinkLocal } from '../../protocol/ip.js';
import { WgTsError } from '../../system/errors.js';
import { validateInterfaceName } from '../../system/interfacename.js';
import { type Family, familyFlag, familyOf, isLoopback, splitPrefix } from '../family.js';
import type { InterfaceSettings } from '../netconfig.js';
import { planDefaultRoute } from './defaultroute.js';
import { type DnsManager, planDns, refuseWithoutDns } from './dns.js';
import type { Firewall } from './firewall.js';
import { DNS_GROUP, planDnsGuard } from './killswitch.js';
import { isServer } from './resolvconf/document.js';
import type { PlannedStep } from './step.js';
import { planValidMark, type ValidMark } from './validmark.js';

/** The facts about the machine that the plan depends on. */
export interface SystemFacts {
  /** Addresses of all interfaces, without prefix length, and the interface that has each. */
  readonly addresses: ReadonlyMap<string, string>;
  readonly ipv6: boolean;
  /** Priorities of the policy rules. */
  readonly rules: Readonly<Record<Family, readonly number[]>>;
  readonly validMark: ValidMark;
  readonly firewall: Firewall | undefined;
  readonly dns: DnsManager | undefined;
  /** The DNS servers, of the tunnel or the machine, that are on one of the machine's networks. */
  readonly localDns: readonly string[];
}

/** Eight times a TUN device’s default of 500, which drops packets in bursts of small ones. */
const TX_QUEUE_LENGTH = 4000;
/** Names that wg-quick(8) accepts: they need no quoting in a firewall rule. */
const PLAIN_NAME = /^[a-zA-Z0-9_=+.-]+$/;

/**
 * Returns the commands in order. Addresses and routes vanish with the interface, so they have no undo:
 * a later process must not remove them from another interface with the same name. Throws WgTsError
 * ERR_NAME.
 */
export function planSteps(
  settings: InterfaceSettings,
  facts: SystemFacts,
): { steps: PlannedStep[]; warnings: string[] } {
  const { name, mtu } = settings;
  validateInterfaceName(name);
  const warnings: string[] = [];
  const usable = (what: string): boolean => facts.ipv6 || familyOf(what) === 4;
  const addresses = settings.addresses.filter(usable);
  const routes = settings.table === 'off' ? [] : settings.routes.filter(usable);
  const left = [...settings.addresses, ...settings.routes].filter((what) => !usable(what));
  if (left.length > 0)
    warnings.push(`IPv6 is disabled on this machine, so ${left.join(', ')} is left out`);
  warnings.push(...warnOfSharedAddresses(name, addresses, facts));
  if (mtu < MIN_IPV6_MTU && addresses.some((address) => familyOf(address) === 6))
    warnings.push(
      `an MTU of ${mtu} is below IPv6's minimum of ${MIN_IPV6_MTU}: the system removes the interface's IPv6 addresses`,
    );

  const excluded = (settings.excluded ?? []).filter(usable);
  const routed = { ...settings, addresses, routes, excluded };
  if (settings.killSwitch) refuseWithoutDns(facts.dns, (ip) => isReached(ip, routed, facts));
  const dns = planDns(settings, facts.dns);
  // Before the resolver gets the tunnel's servers, so that they are never queried past the tunnel; but
  // never where it keeps its own, as then no name would be resolved.
  const guard = dns.isCertain ? planGuard(routed, facts) : { steps: [], warnings: [] };
  const routing = planRoutes(routed, facts);
  return {
    steps: [
      ...addresses.map((address) => planAddress(name, address)),
      step(
        ...['ip', 'link', 'set', 'mtu', String(mtu), 'txqueuelen', String(TX_QUEUE_LENGTH)],
        ...['up', 'dev', name],
      ),
      ...(dns.isCertain
        ? [step('ip', 'link', 'set', 'group', String(DNS_GROUP), 'dev', name)]
        : []),
      ...guard.steps,
      ...dns.steps,
      ...routing.steps,
    ],
    warnings: [...warnings, ...guard.warnings, ...dns.warnings, ...routing.warnings],
  };
}

function planAddress(name: string, prefix: string): PlannedStep {
  return step('ip', familyFlag(familyOf(prefix)), 'address', 'add', prefix, 'dev', name);
}

/** As with wg-quick(8): Linux allows an address on several interfaces, and some setups need it. */
function warnOfSharedAddresses(
  name: string,
  addresses: readonly string[],
  { addresses: holders }: SystemFacts,
): string[] {
  return addresses.flatMap((prefix) => {
    const { address } = splitPrefix(prefix);
    const holder = isLinkLocal(address) ? undefined : holders.get(address);
    if (holder === undefined || holder === name) return [];
    return [`interface ${holder} has the address ${address} too`];
  });
}

/** As in WireGuard for Windows: applies with a default route and DNS servers of the tunnel. */
function planGuard(
  settings: InterfaceSettings & { readonly excluded: readonly string[] },
  { firewall, localDns }: SystemFacts,
): { steps: PlannedStep[]; warnings: string[] } {
  const { name, table, routes, addresses, fwMark, dnsServers, excluded } = settings;
  const isFull = table === 'auto' && routes.some(isDefault);
  if (!isFull || dnsServers.length === 0 || firewall === undefined)
    return { steps: [], warnings: [] };
  if (firewall === 'iptables')
    return {
      steps: [],
      warnings: ['DNS past the tunnel is not blocked: that needs nft (install nftables)'],
    };
  const inside = (ip: string): boolean => [...addresses, ...excluded].some((n) => contains(n, ip));
  const localServers = localDns.filter((ip) => isServer(ip, dnsServers) && !inside(ip));
  const warnings = localServers.map((server) =>
    settings.killSwitch
      ? `DNS ${server} is on the local network, which the kill switch blocks: add it to ExcludedIPs`
      : `DNS ${server} is on the local network: it is queried past the tunnel`,
  );
  return {
    steps: [planDnsGuard({ interfaceName: name, fwMark, excluded, localServers })],
    warnings,
  };
}

/** Whether a DNS server can be asked in spite of a kill switch. */
function isReached(
  ip: string,
  {
    routes,
    excluded,
  }: { readonly routes: readonly string[]; readonly excluded: readonly string[] },
  { localDns }: SystemFacts,
): boolean {
  const within = (networks: readonly string[]): boolean =>
    networks.some((network) => contains(network, ip));
  return isLoopback(ip) || within(excluded) || (within(routes) && !localDns.includes(ip));
}

function isDefault(route: string): boolean {
  return splitPrefix(route).length === 0;
}

function planRoutes(
  settings: InterfaceSettings & { readonly excluded: readonly string[] },
  facts: SystemFacts,
): { steps: PlannedStep[]; warnings: string[] } {
  const { name, table, addresses, fwMark, excluded } = settings;
  // The most specific first, as in wg-quick(8), which adds the default route last.
  const routes = settings.routes.toSorted((a, b) => splitPrefix(b).length - splitPrefix(a).length);
  if (table !== 'auto') {
    const steps = routes.map((route) => addRoute(name, route, 'table', String(table)));
    return { steps, warnings: [] };
  }

  const connected = addresses.filter(makesRoute);
  const steps = routes
    .filter((route) => !isDefault(route))
    .filter((route) => !connected.some((network) => contains(network, route)))
    .map((route) => addRoute(name, route));
  const defaults = routes.filter(isDefault);
  if (defaults.length === 0) return { steps, warnings: [] };

  if (!PLAIN_NAME.test(name))
    throw new WgTsError(
      'ERR_NAME',
      `interface name ${JSON.stringify(name)} cannot have a default route: use letters, digits and _=+.- only`,
    );
  if (fwMark === 0) throw new RangeError('a default route needs a firewall mark');
  const warnings =
    facts.firewall === undefined
      ? [
          'neither nft nor iptables is installed: packets forged on the local network are not dropped',
        ]
      : [];
  if (defaults.some((route) => familyOf(route) === 4)) {
    const validMark = planValidMark(facts.validMark);
    steps.push(...validMark.steps);
    warnings.push(...validMark.warnings);
  }
  for (const destination of defaults)
    steps.push(
      ...planDefaultRoute({
        interfaceName: name,
        destination,
        addresses,
        fwMark,
        excluded: excluded.filter((network) => familyOf(network) === familyOf(destination)),
        firewall: facts.firewall,
        rulePriorities: facts.rules[familyOf(destination)],
      }),
    );
  return { steps, warnings };
}

/**
 * Plans a route of an interface that is up. Unlike those of `planSteps` it has an undo, as the
 * interface stays. Returns undefined where an address already provides the route, or the machine lacks
 * the family.
 */
export function planRoute(
  { name, table, addresses }: InterfaceSettings,
  route: string,
  hasIpv6: boolean,
): PlannedStep | undefined {
  if (table === 'off' || (familyOf(route) === 6 && !hasIpv6)) return undefined;
  const isConnected = addresses.filter(makesRoute).some((network) => contains(network, route));
  if (table === 'auto' && isConnected) return undefined;
  const more = table === 'auto' ? [] : ['table', String(table)];
  const { command } = addRoute(name, route, ...more);
  const remove = command.argv.map((word) => (word === 'add' ? 'del' : word));
  return { command, undo: [{ argv: remove }] };
}

/** An IPv4 host address gives no route in the main table; an IPv6 one does. */
function makesRoute(address: string): boolean {
  return familyOf(address) === 6 || splitPrefix(address).length < 32;
}

function addRoute(name: string, route: string, ...more: string[]): PlannedStep {
  return step('ip', familyFlag(familyOf(route)), 'route', 'add', route, 'dev', name, ...more);
}

function step(...argv: string[]): PlannedStep {
  return { command: { argv }, undo: [] };
}
