/** Plans the settings of an interface, in order, as in WireGuard for Windows. Changes nothing. */
import { MIN_IPV6_MTU } from '../../protocol/constants.js';
import { contains, isLinkLocal, networkOf } from '../../protocol/ip.js';
import { NetConfigError } from '../errors.js';
import { type Family, familyOf, splitPrefix } from '../family.js';
import type { InterfaceSettings } from '../netconfig.js';
import type { DnsSettings } from './iphelper.js';
import type { AddressRow, IpInterfaceChange, RouteKey, RouteRow } from './rows.js';
import { anyAddress } from './structs.js';

/** The facts about the machine that the plan depends on. */
export interface NetworkFacts {
  readonly luid: bigint;
  /** Families that the interface supports. */
  readonly families: readonly Family[];
  readonly addresses: readonly HeldAddress[];
  readonly routes: readonly RouteRow[];
  /** Whether Windows supports DNS search domains per interface. */
  readonly takesSearch: boolean;
}

export interface HeldAddress extends AddressRow {
  /** The interface's name and state. */
  readonly alias: string;
  readonly isUp: boolean;
}

export type Change =
  | { readonly kind: 'deleteAddress'; readonly row: AddressRow; readonly alias: string }
  | { readonly kind: 'deleteRoute'; readonly route: RouteKey }
  | { readonly kind: 'interface'; readonly family: Family; readonly change: IpInterfaceChange }
  | { readonly kind: 'address'; readonly row: AddressRow }
  | { readonly kind: 'dns'; readonly family: Family; readonly dns: DnsSettings }
  | { readonly kind: 'killSwitch' }
  /** The watch adds the routes; this change records them for a later process. */
  | { readonly kind: 'hostRoutes'; readonly hosts: readonly string[] }
  | { readonly kind: 'route'; readonly route: RouteKey };

/** Throws NetConfigError ERR_ADDRESS_IN_USE. */
export function planChanges(
  settings: InterfaceSettings,
  facts: NetworkFacts,
): { changes: Change[]; warnings: string[] } {
  const { luid } = facts;
  const usable = (what: string): boolean => facts.families.includes(familyOf(what));
  const addresses = settings.addresses
    .filter(usable)
    .map((prefix) => ({ luid, ...splitPrefix(prefix) }));
  const routes = routesOf(settings, addresses);
  const changes: Change[] = [
    ...staleAddresses(settings.name, addresses, facts),
    ...staleRoutes(luid, facts),
    ...facts.families.map((family) => planInterface(family, settings.mtu, routes)),
    ...addresses.map((row) => ({ kind: 'address' as const, row })),
    ...facts.families.map((family) => planDns(family, settings)),
    ...(wantsKillSwitch(settings, routes) ? [{ kind: 'killSwitch' as const }] : []),
    ...planHostRoutes(settings, addresses, routes, facts),
    ...routes.map((route) => ({ kind: 'route' as const, route })),
  ];
  return { changes, warnings: warningsFor(settings, facts, routes) };
}

/**
 * Returns routes of the families with an address, as WireGuard for Windows does; the most specific
 * first.
 */
function routesOf(settings: InterfaceSettings, addresses: readonly AddressRow[]): RouteKey[] {
  if (settings.table === 'off') return [];
  const [first] = addresses;
  if (!first) return [];
  const families = new Set(addresses.map(({ address }) => familyOf(address)));
  return settings.routes
    .filter((route) => families.has(familyOf(route)))
    .map((route) => {
      const { address, length } = splitPrefix(route);
      return { luid: first.luid, destination: address, length, nextHop: anyAddress(address) };
    })
    .toSorted((a, b) => b.length - a.length);
}

/**
 * Returns true when it is configured; and, as in WireGuard for Windows, when the single peer has a /0
 * in its AllowedIPs. Two halves (0.0.0.0/1 and 128.0.0.0/1) tunnel all traffic without it, and with
 * Table = off there are no routes.
 */
export function wantsKillSwitch(
  { peerCount = 1, killSwitch = false }: InterfaceSettings,
  routes: readonly RouteKey[],
): boolean {
  return killSwitch || (peerCount === 1 && routes.some(({ length }) => length === 0));
}

/** Returns all networks that are in the tunnel. */
export function tunnelNetworks(settings: InterfaceSettings): string[] {
  const routes = settings.table === 'off' ? [] : settings.routes;
  return [...routes, ...settings.addresses.map(networkOf)];
}

/**
 * Removes the tunnel's addresses from an interface that is down, such as an adapter that was left
 * behind; and addresses that this interface still has from another configuration.
 */
function staleAddresses(
  name: string,
  wanted: readonly AddressRow[],
  { luid, addresses }: NetworkFacts,
): Change[] {
  const changes: Change[] = [];
  for (const { alias, isUp, ...row } of addresses) {
    const mine = wanted.find(({ address }) => address === row.address);
    if (row.luid === luid) {
      // Windows' own link-local address stays; wanted addresses are added again.
      if (mine || !isLinkLocal(row.address)) changes.push({ kind: 'deleteAddress', row, alias });
      continue;
    }
    if (!mine || isLinkLocal(row.address)) continue;
    if (isUp || mine.length !== row.length)
      throw new NetConfigError(
        'ERR_ADDRESS_IN_USE',
        addAddressText(name, mine),
        `interface ${alias} already has the address ${row.address}; remove it there, or change Address`,
      );
    changes.push({ kind: 'deleteAddress', row, alias });
  }
  return changes;
}

/** Removes routes of another configuration; those to addresses and groups belong to Windows. */
function staleRoutes(luid: bigint, { routes }: NetworkFacts): Change[] {
  return routes
    .filter((route) => route.luid === luid && route.isManual)
    .map((route) => ({ kind: 'deleteRoute', route }));
}

/** IPv6 has a minimum MTU. */
export function familyMtu(family: Family, mtu: number): number {
  return family === 6 ? Math.max(mtu, MIN_IPV6_MTU) : mtu;
}

function planInterface(family: Family, mtu: number, routes: readonly RouteKey[]): Change {
  const isDefault = ({ destination, length }: RouteKey): boolean =>
    length === 0 && familyOf(destination) === family;
  return {
    kind: 'interface',
    family,
    change: {
      mtu: familyMtu(family, mtu),
      lowestMetric: routes.some(isDefault),
      staticOnly: true,
    },
  };
}

/** Needed without servers too: Windows keeps those of an earlier interface with the same GUID. */
function planDns(family: Family, { dnsServers, dnsSearch }: InterfaceSettings): Change {
  const servers = dnsServers.filter((server) => familyOf(server) === family);
  return { kind: 'dns', family, dns: { servers, search: dnsSearch } };
}

function planHostRoutes(
  settings: InterfaceSettings,
  addresses: readonly AddressRow[],
  routes: readonly RouteKey[],
  facts: NetworkFacts,
): Change[] {
  if (settings.bindsSockets) return [];
  const networks = [
    ...addresses.map(({ address, length }) => `${address}/${length}`),
    ...routes.map(({ destination, length }) => `${destination}/${length}`),
  ];
  const exists = (host: string): boolean =>
    facts.routes.some(({ destination, length, isManual }) => {
      const bits = familyOf(host) === 4 ? 32 : 128;
      return isManual && destination === host && length === bits;
    });
  const hosts = settings.endpoints
    .map(({ address }) => address)
    .filter((host) => !host.includes('%') && !exists(host))
    .filter((host) => networks.some((network) => contains(network, host)));
  return hosts.length === 0 ? [] : [{ kind: 'hostRoutes', hosts: [...new Set(hosts)] }];
}

function warningsFor(
  settings: InterfaceSettings,
  facts: NetworkFacts,
  routes: readonly RouteKey[],
): string[] {
  const { name, addresses, table, mtu, dnsServers, dnsSearch } = settings;
  const warnings: string[] = [];
  const left = addresses.filter((address) => !facts.families.includes(familyOf(address)));
  if (left.length > 0)
    warnings.push(`IPv6 is disabled for interface ${name}, so ${left.join(', ')} is left out`);
  const routed = new Set(routes.map(({ destination, length }) => `${destination}/${length}`));
  const unrouted = table === 'off' ? [] : settings.routes.filter((route) => !routed.has(route));
  if (unrouted.length > 0)
    warnings.push(
      `${unrouted.join(', ')} is not routed: the interface has no address of that family`,
    );
  if (typeof table === 'number')
    warnings.push(`Windows has one routing table: Table = ${table} is taken as auto`);
  if (mtu < MIN_IPV6_MTU && facts.families.includes(6))
    warnings.push(`an MTU of ${mtu} is below IPv6's minimum, so IPv6 has ${MIN_IPV6_MTU}`);
  if (!facts.takesSearch && dnsSearch.length > 0)
    warnings.push(
      `search domains need Windows 10 version 1809 or later: ${dnsSearch.join(', ')} is left out`,
    );
  if (wantsKillSwitch(settings, routes) && dnsServers.length === 0)
    warnings.push(
      'all traffic goes through the tunnel, but no DNS server is configured: names may not resolve',
    );
  return warnings;
}

function addAddressText(name: string, { address, length }: AddressRow): string {
  return `netsh interface ipv${familyOf(address)} add address "${name}" ${address}/${length}`;
}

/** Returns the change as a netsh command. */
export function changeText(name: string, change: Change): string {
  const at = (family: Family): string => `netsh interface ipv${family}`;
  switch (change.kind) {
    case 'deleteAddress': {
      const { address } = change.row;
      return `${at(familyOf(address))} delete address "${change.alias}" ${address}`;
    }
    case 'deleteRoute':
    case 'route': {
      const { destination, length } = change.route;
      const verb = change.kind === 'route' ? 'add' : 'delete';
      return `${at(familyOf(destination))} ${verb} route ${destination}/${length} "${name}"`;
    }
    case 'interface': {
      const { mtu, lowestMetric } = change.change;
      const metric = lowestMetric ? ' metric=0' : '';
      return `${at(change.family)} set interface "${name}" mtu=${mtu}${metric} dadtransmits=0 routerdiscovery=disabled`;
    }
    case 'address':
      return addAddressText(name, change.row);
    case 'dns': {
      const { servers, search } = change.dns;
      const suffixes = search.length > 0 ? ` search=${search.join(',')}` : '';
      return `${at(change.family)} set dnsservers "${name}" static ${servers.join(',') || 'none'}${suffixes}`;
    }
    case 'killSwitch':
      return `block all traffic past "${name}" (Windows Filtering Platform)`;
    case 'hostRoutes':
      return `keep routes to ${change.hosts.join(', ')} past "${name}"`;
  }
}
