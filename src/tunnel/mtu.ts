import type { NetConfig } from '../../network/netconfig.js';
import {
  DEFAULT_MTU,
  MIN_IPV4_MTU,
  MIN_IPV6_MTU,
  TUNNEL_OVERHEAD,
} from '../../protocol/constants.js';
import type { Endpoint } from '../../protocol/dataplane.js';
import type { InterfaceConfig } from '../config/model.js';

const MAX_MTU = 65535 - TUNNEL_OVERHEAD;

/**
 * Resolves to the configured MTU; without one, to that of the routes to the peers minus the overhead of
 * the tunnel: the smallest, so that it fits all of them (wg-quick(8) takes the greatest); without a
 * route to 1420. With IPv6 inside it is never less than IPv6 needs.
 */
export async function chooseMtu(
  config: InterfaceConfig,
  endpoints: readonly Endpoint[],
  system: NetConfig | undefined,
): Promise<number> {
  if (config.mtu !== undefined) return config.mtu;
  const known = await Promise.all(endpoints.map(async (e) => await system?.mtuTowards(e.address)));
  const outer = Math.min(...known.filter((mtu) => mtu !== undefined));
  if (outer === Number.POSITIVE_INFINITY) return DEFAULT_MTU;
  const hasIpv6 = config.addresses.some(({ address }) => address.length === 16);
  return Math.min(
    MAX_MTU,
    Math.max(outer - TUNNEL_OVERHEAD, hasIpv6 ? MIN_IPV6_MTU : MIN_IPV4_MTU),
  );
}
