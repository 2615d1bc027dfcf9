/** Decides how the tunnel's own packets are routed, based on the machine's tables. Changes nothing. */
import { MIN_IPV4_MTU, MIN_IPV6_MTU, TUNNEL_OVERHEAD } from '../../protocol/constants.js';
import { contains } from '../../protocol/ip.js';
import { FAMILIES, type Family, familyOf, splitPrefix } from '../family.js';
import { hostRoute, type RouteKey, type RouteRow, routeId } from './rows.js';
import { anyAddress } from './structs.js';

const MIN_MTU: Readonly<Record<Family, number>> = { 4: MIN_IPV4_MTU, 6: MIN_IPV6_MTU };

/** The facts about an interface that the choice depends on, for one family. */
export interface Way {
  readonly index: number;
  readonly isUp: boolean;
  readonly mtu: number;
  readonly metric: number;
}

export interface Snapshot {
  readonly routes: readonly RouteRow[];
  /** Returns undefined when the interface is gone or does not support the family. */
  way(luid: bigint, family: Family): Way | undefined;
}

export interface TunnelRouting {
  readonly luid: bigint;
  /** All networks in the tunnel: its routes and the networks of its addresses. */
  readonly networks: readonly string[];
}

/** Returns the best route past the tunnel to `address`; undefined when there is none. */
export function bestRoute(
  { routes, way }: Snapshot,
  address: string,
  exclude: (route: RouteRow) => boolean,
): RouteRow | undefined {
  const candidates = routes.filter((route) =>
    contains(`${route.destination}/${route.length}`, address),
  );
  return best(
    candidates.filter((route) => !exclude(route)),
    way,
    familyOf(address),
  );
}

/** Returns the default route past the tunnel. */
export function defaultRoute(
  { routes, way }: Snapshot,
  family: Family,
  tunnelLuid: bigint,
): RouteRow | undefined {
  const candidates = routes.filter(
    ({ luid, destination, length }) =>
      length === 0 && familyOf(destination) === family && luid !== tunnelLuid,
  );
  return best(candidates, way, family);
}

/** Returns the route with the longest prefix, then the lowest metric, of interfaces that are up. */
function best(
  candidates: readonly RouteRow[],
  way: Snapshot['way'],
  family: Family,
): RouteRow | undefined {
  let chosen: { route: RouteRow; metric: number } | undefined;
  for (const route of candidates) {
    const { isUp, metric: ofInterface } = way(route.luid, family) ?? { isUp: false, metric: 0 };
    if (!isUp) continue;
    const metric = route.metric + ofInterface;
    const isBetter =
      !chosen ||
      route.length > chosen.route.length ||
      (route.length === chosen.route.length && metric < chosen.metric);
    if (isBetter) chosen = { route, metric };
  }
  return chosen?.route;
}

export interface Choice {
  /** Interface index of the default route past the tunnel. */
  readonly bind: Readonly<Record<Family, number | undefined>>;
  /** Undefined: it is unknown now, so the MTU stays unchanged. */
  readonly mtu: Readonly<Record<Family, number>> | undefined;
  /** Routes that keep the packets to each endpoint out of the tunnel. */
  readonly hostRoutes: readonly RouteKey[];
}

/**
 * Chooses how packets to the endpoints are routed. `ownHostRoutes` are those of an earlier choice,
 * which are ignored when choosing. Without any route past the tunnel, that of an endpoint ends at
 * `blackhole`, the loopback interface: otherwise the tunnel's own packets would enter the tunnel again
 * and again.
 */
export function choose(
  snapshot: Snapshot,
  tunnel: TunnelRouting,
  endpoints: readonly string[],
  ownHostRoutes: readonly RouteKey[],
  blackhole: bigint,
): Choice {
  const own = new Set(ownHostRoutes.map(routeId));
  const exclude = (route: RouteRow): boolean =>
    route.luid === tunnel.luid || own.has(routeId(route));
  const defaults = {
    4: defaultRoute(snapshot, 4, tunnel.luid),
    6: defaultRoute(snapshot, 6, tunnel.luid),
  };
  const index = (family: Family): number | undefined => {
    const route = defaults[family];
    return route && snapshot.way(route.luid, family)?.index;
  };
  const hostRoutes = new Map<string, RouteKey>();
  const mtus: (number | undefined)[] = [];
  for (const endpoint of endpoints) {
    const route = bestRoute(snapshot, endpoint, exclude);
    mtus.push(route && snapshot.way(route.luid, familyOf(endpoint))?.mtu);
    if (route ? route.length > depth(tunnel, endpoint) : depth(tunnel, endpoint) < 0) continue;
    const via = route ?? { luid: blackhole, nextHop: anyAddress(endpoint) };
    hostRoutes.set(endpoint, hostRoute(endpoint, via.luid, via.nextHop));
  }
  if (endpoints.length === 0)
    for (const family of FAMILIES) {
      const route = defaults[family];
      mtus.push(route && snapshot.way(route.luid, family)?.mtu);
    }
  return {
    bind: { 4: index(4), 6: index(6) },
    mtu: innerMtu(mtus),
    hostRoutes: [...hostRoutes.values()],
  };
}

/** Returns the length of the tunnel's longest network that contains `address`; -1 when none does. */
function depth({ networks }: TunnelRouting, address: string): number {
  const lengths = networks.flatMap((network) => {
    return contains(network, address) ? [splitPrefix(network).length] : [];
  });
  return Math.max(-1, ...lengths);
}

/**
 * Returns the lowest MTU towards all peers minus the tunnel's overhead; never less than IP itself
 * needs.
 */
function innerMtu(outer: readonly (number | undefined)[]): Choice['mtu'] {
  const least = Math.min(...outer.filter((mtu) => mtu !== undefined));
  if (least === Number.POSITIVE_INFINITY) return undefined;
  const inner = Math.min(least, 0xffff) - TUNNEL_OVERHEAD;
  return { 4: Math.max(inner, MIN_MTU[4]), 6: Math.max(inner, MIN_MTU[6]) };
}
