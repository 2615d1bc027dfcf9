import { networkOf } from '../../protocol/ip.js';
import { queryJson, type Runner } from '../../system/commands.js';
import { NetConfigError } from '../errors.js';
import { FAMILIES, type Family, familyFlag, familyOf, splitPrefix } from '../family.js';
import type { InterfaceSettings } from '../netconfig.js';

/** The metric that `ip route add` uses for an IPv6 route. */
const IPV6_METRIC = 1024;
/** The metric of the route that comes with an IPv6 address. */
const IPV6_CONNECTED_METRIC = 256;

interface WantedRoute {
  /** Masked, with prefix length. */
  readonly network: string;
  /** As ip(8) names it. */
  readonly table: string;
  readonly metric: number;
}

interface RouteRow {
  readonly dst?: string;
  readonly dev?: string;
  readonly metric?: number;
}

/**
 * Refuses a tunnel that needs a route which another interface has: same table, network and metric. The
 * kernel would follow only one of them, or refuse the second one half-way through the bring-up. Throws
 * NetConfigError ERR_ROUTE_IN_USE.
 */
export async function refuseTakenRoutes(run: Runner, settings: InterfaceSettings): Promise<void> {
  const wanted = wantedRoutes(settings);
  for (const family of FAMILIES) {
    const ofFamily = wanted.filter(({ network }) => familyOf(network) === family);
    for (const table of new Set(ofFamily.map((route) => route.table))) {
      const argv = ['ip', '-json', familyFlag(family), 'route', 'show', 'table', table];
      const holders = holdersOf(await queryJson<RouteRow>(run, argv), family, settings.name);
      for (const route of ofFamily.filter((one) => one.table === table)) {
        const holder = holders.get(keyOf(route));
        if (holder !== undefined) throw routeInUse(settings.name, route, holder);
      }
    }
  }
}

export function wantedRoutes(settings: InterfaceSettings): WantedRoute[] {
  const { table, addresses, fwMark } = settings;
  if (table === 'off') return [];
  const connected = new Set(addresses.filter((address) => familyOf(address) === 6).map(networkOf));
  return settings.routes.map((network) => {
    const metric = familyOf(network) === 4 ? 0 : IPV6_METRIC;
    if (table !== 'auto') return { network, table: String(table), metric };
    if (splitPrefix(network).length === 0) return { network, table: String(fwMark), metric };
    // This route comes with the address instead.
    const comesAlong = connected.has(network);
    return { network, table: 'main', metric: comesAlong ? IPV6_CONNECTED_METRIC : metric };
  });
}

function holdersOf(
  rows: readonly RouteRow[],
  family: Family,
  ourselves: string,
): Map<string, string> {
  const holders = new Map<string, string>();
  for (const { dst, dev, metric = 0 } of rows) {
    if (dst === undefined || dev === undefined || dev === ourselves) continue;
    holders.set(keyOf({ network: withLength(dst, family), metric }), dev);
  }
  return holders;
}

/** ip(8) omits the length of a host, and prints the default route as a name. */
function withLength(dst: string, family: Family): string {
  if (dst === 'default') return family === 4 ? '0.0.0.0/0' : '::/0';
  return dst.includes('/') ? dst : `${dst}/${splitPrefix(dst).length}`;
}

function keyOf({ network, metric }: Pick<WantedRoute, 'network' | 'metric'>): string {
  return `${network} ${metric}`;
}

function routeInUse(name: string, { network, table }: WantedRoute, holder: string): NetConfigError {
  const command = ['ip', familyFlag(familyOf(network)), 'route', 'add', network, 'dev', name];
  const inTable = table === 'main' ? '' : ` in table ${table}`;
  return new NetConfigError(
    'ERR_ROUTE_IN_USE',
    [...command, ...(table === 'main' ? [] : ['table', table])].join(' '),
    `interface ${holder} already has the route ${network}${inTable}`,
  );
}
