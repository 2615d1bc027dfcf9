/** Finds the largest packet that passes through a tunnel, with ping. */
import { MIN_IPV4_MTU, MIN_IPV6_MTU, PADDING } from '../protocol/constants.js';
import { contains, formatIp, type IpPrefix, maskPrefix, parseIp } from '../protocol/ip.js';
import { type Pinger, systemPing } from './ping.js';

const TRIES = 3;
/** The greatest number of addresses that are pinged. */
const MAX_TARGETS = 8;

/** The part of a tunnel's configuration that yields addresses to ping. */
export interface ProbedTunnel {
  readonly addresses: readonly IpPrefix[];
  readonly dnsServers: readonly string[];
  readonly peers: readonly { readonly allowedIps: readonly IpPrefix[] }[];
}

export interface ProbeOptions {
  readonly interfaceName: string;
  /** The MTU of the interface, in bytes: nothing larger can be tried. */
  readonly currentMtu: number;
  readonly ping?: Pinger;
  readonly signal?: AbortSignal;
}

/** `mtu`: the largest that passes, in bytes; `blocked`: small packets pass, but none of `lowest` bytes. */
export type ProbeResult =
  | { readonly state: 'found'; readonly mtu: number; readonly target: string }
  | { readonly state: 'blocked'; readonly lowest: number; readonly target: string }
  | { readonly state: 'silent' | 'unavailable' };

/**
 * Returns addresses behind the peers that are likely to answer, the likeliest first: hosts in
 * AllowedIPs, name servers, the first hosts of the tunnel's own networks and of those in AllowedIPs. All
 * of them are routed to a peer, and none is our own.
 */
export function probeTargets(tunnel: ProbedTunnel): string[] {
  const allowed = tunnel.peers.flatMap((peer) => peer.allowedIps);
  const isHost = ({ address, length }: IpPrefix): boolean => length === address.length * 8;
  const networks = allowed.filter((prefix) => !isHost(prefix) && prefix.length > 0);
  const candidates = [
    ...allowed.filter(isHost).map(({ address }) => address),
    ...tunnel.dnsServers.flatMap((server) => parseIp(server) ?? []),
    ...tunnel.addresses.filter((prefix) => !isHost(prefix)).map(firstHost),
    ...networks.map(firstHost),
  ];
  const own = new Set(tunnel.addresses.map(({ address }) => formatIp(address)));
  const targets = new Set<string>();
  for (const address of candidates) {
    if (targets.size === MAX_TARGETS) break;
    const host = { address, length: address.length * 8 };
    const ip = formatIp(address);
    if (!own.has(ip) && allowed.some((prefix) => contains(prefix, host))) targets.add(ip);
  }
  return [...targets];
}

function firstHost(prefix: IpPrefix): Uint8Array {
  const { address } = maskPrefix(prefix);
  const first = address.slice();
  first[first.length - 1] = (first[first.length - 1] ?? 0) | 1;
  return first;
}

/**
 * Resolves to the first of `targets`, in their order, that answers a small packet, or to why there is none.
 * All are pinged at once.
 */
export async function answeringTarget(
  targets: readonly string[],
  { interfaceName, ping = systemPing, signal }: Omit<ProbeOptions, 'currentMtu'>,
): Promise<string | 'silent' | 'unavailable'> {
  const answers = await Promise.all(
    targets.map((address) =>
      ping({ address, count: TRIES, waitSeconds: 2, ...byInterface(interfaceName, signal) }),
    ),
  );
  const first = targets.find((_, i) => answers[i] === 'reply');
  if (first !== undefined) return first;
  return answers.length > 0 && answers.every((answer) => answer === 'unavailable')
    ? 'unavailable'
    : 'silent';
}

/**
 * Finds the MTU by binary search, with at most `TRIES` packets for each of about ten sizes. Takes less than
 * half a minute. The result is a multiple of 16, as packets are padded, unless it is the current MTU.
 */
export async function probeMtu(tunnel: ProbedTunnel, options: ProbeOptions): Promise<ProbeResult> {
  const target = await answeringTarget(probeTargets(tunnel), options);
  if (target === 'silent' || target === 'unavailable') return { state: target };
  const { currentMtu, interfaceName, ping = systemPing, signal } = options;
  const passes = async (packetBytes: number): Promise<boolean> => {
    const how = byInterface(interfaceName, signal);
    return (await ping({ address: target, packetBytes, count: TRIES, ...how })) === 'reply';
  };
  const found = (mtu: number): ProbeResult => ({ state: 'found', mtu, target });
  if (await passes(currentMtu)) return found(currentMtu);
  const isIpv6 = target.includes(':');
  const lowest = Math.min(currentMtu, isIpv6 ? MIN_IPV6_MTU : MIN_IPV4_MTU);
  // The common range first: most often the MTU is only a little less.
  if (currentMtu > MIN_IPV6_MTU && (await passes(MIN_IPV6_MTU)))
    return found(await largest(passes, MIN_IPV6_MTU, currentMtu));
  if (isIpv6 || !(await passes(lowest))) return { state: 'blocked', lowest, target };
  return found(await largest(passes, lowest, Math.min(currentMtu, MIN_IPV6_MTU)));
}

/** Resolves to the largest multiple of `PADDING` that passes. `good` passes and `bad` does not. */
async function largest(
  passes: (packetBytes: number) => Promise<boolean>,
  good: number,
  bad: number,
): Promise<number> {
  let low = Math.floor(good / PADDING);
  let high = Math.ceil(bad / PADDING);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await passes(middle * PADDING)) low = middle;
    else high = middle;
  }
  return low * PADDING;
}

function byInterface(
  interfaceName: string,
  signal: AbortSignal | undefined,
): { interfaceName: string; signal?: AbortSignal } {
  return { interfaceName, ...(signal && { signal }) };
}
