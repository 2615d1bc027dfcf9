/** Finds by trying how large a packet through a tunnel can be. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { InterfaceSettings, NetConfig } from '../../network/netconfig.js';
import { MIN_IPV4_MTU, MIN_IPV6_MTU, PADDING } from '../../protocol/constants.js';
import { contains, formatIp, type IpPrefix, maskPrefix, parseIp } from '../../protocol/ip.js';
import { messageOf } from '../../system/errors.js';
import { type Pinger, systemPing } from '../../system/ping.js';
import type { Config } from '../config/model.js';
import type { StatusParts } from '../control/status.js';
import type { OpenedPlane } from '../dataplane/open.js';
import type { Logger } from '../logger.js';
import type { UndoStack } from '../undo.js';

const TRIES = 3;
/** Addresses that are asked whether they answer, at most. */
const MAX_TARGETS = 8;
const LOOK_FOR_HANDSHAKE_MS = 1000;

/** What of a tunnel tells whom to ask. */
export interface ProbedTunnel {
  readonly addresses: readonly IpPrefix[];
  readonly dnsServers: readonly string[];
  readonly peers: readonly { readonly allowedIps: readonly IpPrefix[] }[];
}

export interface ProbeOptions {
  readonly interfaceName: string;
  /** Of the interface: nothing larger can be tried. */
  readonly currentMtu: number;
  readonly ping?: Pinger;
  readonly signal?: AbortSignal;
}

/** `mtu`: the largest that passes, in bytes; `blocked`: small packets pass, and none of `lowest`. */
export type ProbeResult =
  | { readonly state: 'found'; readonly mtu: number; readonly target: string }
  | { readonly state: 'blocked'; readonly lowest: number; readonly target: string }
  | { readonly state: 'silent' | 'unavailable' };

/**
 * Addresses behind the peers that are likely to answer, the likeliest first: hosts in AllowedIPs,
 * name servers, the first hosts of the tunnel's own networks and of those in AllowedIPs. All of
 * them are routed to a peer, and none is ours.
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
  const routed = candidates.filter((ip) =>
    allowed.some((prefix) => contains(prefix, { address: ip, length: ip.length * 8 })),
  );
  return [...new Set(routed.map(formatIp))].filter((ip) => !own.has(ip)).slice(0, MAX_TARGETS);
}

function firstHost(prefix: IpPrefix): Uint8Array {
  const { address } = maskPrefix(prefix);
  const first = address.slice();
  first[first.length - 1] = (first[first.length - 1] ?? 0) | 1;
  return first;
}

/** Whoever of `targets` answers a small packet first in their order; all are asked at once. */
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
 * Binary search; at most `TRIES` packets for each size, some ten sizes. Takes less than half a
 * minute. What it finds is a multiple of 16 unless it is the current MTU, as packets are padded.
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
  // First of the usual ones: most often it is not much less.
  if (currentMtu > MIN_IPV6_MTU && (await passes(MIN_IPV6_MTU)))
    return found(await largest(passes, MIN_IPV6_MTU, currentMtu));
  if (isIpv6 || !(await passes(lowest))) return { state: 'blocked', lowest, target };
  return found(await largest(passes, lowest, Math.min(currentMtu, MIN_IPV6_MTU)));
}

/** `good` passes and `bad` does not. */
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

export interface ProbedParts {
  readonly system: NetConfig;
  readonly parts: StatusParts;
  readonly opened: Pick<OpenedPlane, 'setMtu'>;
  readonly undo: UndoStack;
  readonly logger: Logger;
}

/** For `MTU = probe`, when the interface is up: goes on in the background until the tunnel goes down. */
export function followProbedMtu(
  config: Config,
  settings: Pick<InterfaceSettings, 'name' | 'luid'>,
  { system, parts, opened, undo, logger }: ProbedParts,
): void {
  const setInterfaceMtu = system.setMtu?.bind(system);
  if (!setInterfaceMtu) {
    logger.warn(`MTU = probe needs a NetConfig with setMtu: the MTU stays at ${parts.mtu}`);
    return;
  }
  const { addresses, dnsServers } = config.interface;
  const end = startMtuProbe({
    name: settings.name,
    tunnel: { addresses, dnsServers, peers: config.peers },
    logger,
    currentMtu: () => parts.mtu,
    hasHandshake: () => parts.device.peers().some(({ latestHandshake }) => latestHandshake > 0n),
    async setMtu(mtu) {
      await setInterfaceMtu(settings, mtu);
      opened.setMtu(mtu);
      parts.mtu = mtu;
    },
  });
  undo.push('the probe of the MTU', end);
}

/** The tunnel whose MTU follows from the probe. */
export interface ProbeSubject {
  readonly name: string;
  readonly tunnel: ProbedTunnel;
  readonly logger: Logger;
  currentMtu(): number;
  hasHandshake(): boolean;
  /** Of the interface and of the data plane. */
  setMtu(mtu: number): Promise<void>;
  readonly ping?: Pinger;
  /** Milliseconds between two looks for a handshake. */
  readonly lookMs?: number;
}

/**
 * Probes once when the first handshake is made, and gives the interface the MTU that passes. In the
 * background: answers at once; what it answers ends it.
 */
export function startMtuProbe(subject: ProbeSubject): () => Promise<void> {
  const end = new AbortController();
  const done = probeInBackground(subject, end.signal).catch((error: unknown) => {
    if (end.signal.aborted) return;
    subject.logger.warn(`cannot probe the MTU: ${messageOf(error)}`);
  });
  return async () => {
    end.abort();
    await done;
  };
}

async function probeInBackground(subject: ProbeSubject, signal: AbortSignal): Promise<void> {
  const { name, tunnel, logger, ping, lookMs = LOOK_FOR_HANDSHAKE_MS } = subject;
  while (!subject.hasHandshake()) await sleep(lookMs, undefined, { signal, ref: false });
  const currentMtu = subject.currentMtu();
  const options = { interfaceName: name, currentMtu, signal, ...(ping && { ping }) };
  const result = await probeMtu(tunnel, options);
  if (signal.aborted) return;
  const keeps = `the MTU stays at ${currentMtu}`;
  switch (result.state) {
    case 'unavailable':
      return logger.warn(
        `there is no ping that can probe the MTU (install iputils-ping): ${keeps}`,
      );
    case 'silent':
      return logger.warn(`nobody in AllowedIPs answers a ping, so ${keeps}`);
    case 'blocked':
      return logger.warn(`not even ${result.lowest} bytes reach ${result.target}: ${keeps}`);
    case 'found':
      return await adopt(subject, currentMtu, result);
  }
}

async function adopt(
  { tunnel, logger, setMtu }: ProbeSubject,
  currentMtu: number,
  { mtu: measured, target }: Extract<ProbeResult, { state: 'found' }>,
): Promise<void> {
  const hasIpv6 = tunnel.addresses.some(({ address }) => address.length === 16);
  const mtu = hasIpv6 ? Math.max(measured, MIN_IPV6_MTU) : measured;
  if (mtu > measured)
    logger.warn(
      `only ${measured} bytes reach ${target}, but IPv6 in the tunnel needs an MTU of ${MIN_IPV6_MTU}`,
    );
  if (mtu >= currentMtu) return logger.info(`MTU ${currentMtu} reaches ${target}`);
  await setMtu(mtu);
  logger.info(`MTU ${mtu} from now on: of ${currentMtu}, no more reaches ${target}`);
}
