import { parseIp } from '../../protocol/ip.js';

/**
 * Sorts addresses as getaddrinfo(3) does for the usual networks (RFC 6724): those that cannot be reached
 * are last, then IPv6 comes before IPv4 unless this machine has only a local address for it. `sourceOf`
 * returns the address from which packets would be sent to another, undefined without a route.
 */
export function inOrder(
  addresses: readonly string[],
  sourceOf: (address: string) => string | undefined,
): string[] {
  const ranked = addresses.map((address) => ({
    address,
    rank: rankOf(address, sourceOf(address)),
  }));
  return ranked.sort((a, b) => a.rank - b.rank).map(({ address }) => address);
}

function rankOf(address: string, source: string | undefined): number {
  if (source === undefined) return 3;
  if (!address.includes(':')) return 1;
  return isUniqueLocal(source) && !isUniqueLocal(address) ? 2 : 0;
}

/** fc00::/7 (RFC 4193) */
function isUniqueLocal(address: string): boolean {
  return ((parseIp(address)?.[0] ?? 0) & 0xfe) === 0xfc;
}
