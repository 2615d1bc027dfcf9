/** Sends a few packets through a running tunnel, to its peers and to addresses behind them. */

import { Resolver } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { REJECT_AFTER_TIME } from '../../protocol/constants.js';
import { contains, type IpPrefix, parsePrefix } from '../../protocol/ip.js';
import {
  answeringTarget,
  type ProbedTunnel,
  probeMtu,
  probeTargets,
} from '../../system/pathmtu.js';
import { type Pinger, systemPing } from '../../system/ping.js';
import type {
  BeyondFacts,
  HandshakeFacts,
  MtuFacts,
  PeerFacts,
  RunningFacts,
  RunningPeerFacts,
  TrafficFacts,
  TunnelFacts,
} from './facts.js';
import { addressOf, isIpv6, lengthOf } from './prefixes.js';

export interface TrafficOptions {
  /** Addresses behind the peers that are known to exist. */
  readonly reach: readonly string[];
  readonly ping?: Pinger;
  readonly signal?: AbortSignal;
}

/** Enough for two initiations, with the protocol's delay between them (REKEY_TIMEOUT, section 6.1). */
const PATIENCE_MS = 6000;
const LOOK_MS = 250;
const DNS_TIMEOUT_MS = 1500;
/** Documentation addresses (RFC 5737, RFC 3849): no host has them, and the peer drops packets to them. */
const NOBODY = ['192.0.2.1', '2001:db8::1'];

export interface WatchOptions extends Omit<TrafficOptions, 'reach'> {
  /** Public keys of peers whose endpoints are known to be unreachable; they are not waited for. */
  readonly hopeless?: ReadonlySet<string>;
}

/** Makes a running tunnel send to each peer without a recent handshake, and waits for the outcome. */
export async function watchHandshakes(
  tunnel: TunnelFacts,
  look: () => Promise<RunningFacts | undefined>,
  { ping = systemPing, signal, hopeless = new Set() }: WatchOptions,
): Promise<HandshakeFacts[]> {
  const before = (await look())?.peers ?? [];
  const isRecent = ({ latestHandshake }: RunningPeerFacts): boolean =>
    latestHandshake > 0 && Math.abs(Date.now() - latestHandshake) < REJECT_AFTER_TIME;
  const silent = before.filter((peer) => !isRecent(peer) && !hopeless.has(peer.publicKey));
  const targets = silent.flatMap(({ publicKey }) => triggerOf(tunnel, publicKey) ?? []);
  const how = { interfaceName: tunnel.name, count: 1, ...(signal && { signal }) };
  const pings = Promise.all(targets.map((address) => ping({ address, ...how })));
  const after = await watch(silent, look, signal);
  await pings;
  return before.map(({ publicKey, ...was }) => ({
    publicKey,
    state: isRecent({ publicKey, ...was })
      ? 'recent'
      : hopeless.has(publicKey)
        ? 'silence'
        : stateOf(was, after.get(publicKey)),
  }));
}

/** Returns an address that is routed to this peer. */
function triggerOf(tunnel: TunnelFacts, publicKey: string): string | undefined {
  const peer = tunnel.configuration.peers.find((one) => one.publicKey === publicKey);
  if (!peer) return undefined;
  const [likely] = probeTargets(probed(tunnel, [peer]));
  return likely ?? NOBODY.find((one) => peer.allowedIps.some((prefix) => contains(prefix, one)));
}

async function watch(
  silent: readonly RunningPeerFacts[],
  look: () => Promise<RunningFacts | undefined>,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, RunningPeerFacts>> {
  let peers = new Map<string, RunningPeerFacts>();
  for (let waited = 0; silent.length > 0 && waited < PATIENCE_MS; waited += LOOK_MS) {
    await sleep(LOOK_MS, undefined, { ...(signal && { signal }) });
    peers = new Map((await look())?.peers.map((peer) => [peer.publicKey, peer]));
    const isDone = silent.every((was) => stateOf(was, peers.get(was.publicKey)) === 'completed');
    if (isDone) break;
  }
  return peers;
}

function stateOf(
  was: Omit<RunningPeerFacts, 'publicKey'>,
  is: RunningPeerFacts | undefined,
): HandshakeFacts['state'] {
  if (!is) return 'untried';
  if (is.latestHandshake !== was.latestHandshake) return 'completed';
  return is.txBytes > was.txBytes ? 'silence' : 'unsent';
}

function probed({ configuration }: TunnelFacts, peers: readonly PeerFacts[]): ProbedTunnel {
  const { addresses, dnsServers } = configuration;
  return {
    addresses: prefixes(addresses),
    dnsServers,
    peers: peers.map(({ allowedIps }) => ({ allowedIps: prefixes(allowedIps) })),
  };
}

function prefixes(texts: readonly string[]): IpPrefix[] {
  return texts.flatMap((text) => parsePrefix(text) ?? []);
}

/** For a tunnel with a peer that answers. */
export async function gatherTraffic(
  tunnel: TunnelFacts,
  mtu: number | undefined,
  options: TrafficOptions,
): Promise<TrafficFacts> {
  const { configuration, name } = tunnel;
  const { near, far } = splitTargets(tunnel, options.reach);
  const { signal, ping = systemPing } = options;
  const how = { interfaceName: name, ping, ...(signal && { signal }) };
  const [answer, beyond, dns] = await Promise.all([
    answeringTarget(near, how),
    Promise.all(far.map((one) => askBeyond(one, how))),
    askNameServers(tunnel, signal),
  ]);
  const isAnswered = answer !== 'silent' && answer !== 'unavailable';
  const target = isAnswered ? answer : beyond.find(({ answers }) => answers)?.address;
  const found =
    target === undefined || mtu === undefined
      ? undefined
      : await probeMtu(only(configuration.addresses, target), { ...how, currentMtu: mtu });
  return {
    ...(isAnswered && { answering: answer }),
    asked: answer === 'unavailable' ? [] : near,
    ...(mtu !== undefined && mtuFacts(found, mtu)),
    dns,
    beyond,
  };
}

function only(addresses: readonly string[], target: string): ProbedTunnel {
  return {
    addresses: prefixes(addresses),
    dnsServers: [],
    peers: [{ allowedIps: prefixes([target]) }],
  };
}

function mtuFacts(
  found: Awaited<ReturnType<typeof probeMtu>> | undefined,
  current: number,
): { mtu?: MtuFacts } {
  if (found?.state === 'found') return { mtu: { state: 'found', mtu: found.mtu, current } };
  if (found?.state === 'blocked')
    return { mtu: { state: 'blocked', lowest: found.lowest, current } };
  return {};
}

interface Target {
  readonly address: string;
  readonly isNamed: boolean;
}

/** `near`: addresses that most likely belong to a peer itself. `far`: addresses behind a peer. */
function splitTargets(
  tunnel: TunnelFacts,
  reach: readonly string[],
): { near: readonly string[]; far: readonly Target[] } {
  const { addresses, dnsServers, peers } = tunnel.configuration;
  const allowed = peers.flatMap(({ allowedIps }) => allowedIps);
  const isOwn = (address: string): boolean =>
    addresses.some((own) => lengthOf(own) < bits(own) && contains(own, address)) ||
    allowed.some((prefix) => lengthOf(prefix) === bits(prefix) && addressOf(prefix) === address);
  const all = probeTargets({ ...probed(tunnel, peers), dnsServers: [] });
  const named = [...reach, ...dnsServers].filter(
    (address) => !isOwn(address) && allowed.some((prefix) => contains(prefix, address)),
  );
  const near = all.filter((address) => isOwn(address) && !reach.includes(address));
  const likely = all.filter((address) => !near.includes(address) && !named.includes(address));
  return {
    near,
    far: [
      ...[...new Set([...named, ...reach])].map((address) => ({ address, isNamed: true })),
      ...likely.map((address) => ({ address, isNamed: false })),
    ].slice(0, 6),
  };
}

function bits(text: string): number {
  return isIpv6(text) ? 128 : 32;
}

async function askBeyond(
  { address, isNamed }: Target,
  { ping, ...how }: { ping: Pinger; interfaceName: string; signal?: AbortSignal },
): Promise<BeyondFacts> {
  const [answer, hop] = await Promise.all([
    ping({ address, count: 3, ...how }),
    // A router that forwards packets reports one whose time to live expires.
    ping({ address, count: 2, hopLimit: 1, ...how }),
  ]);
  return { address, isNamed, answers: answer === 'reply', isForwarded: hop !== 'silence' };
}

async function askNameServers(
  { configuration: { dnsServers, peers, addresses } }: TunnelFacts,
  signal: AbortSignal | undefined,
): Promise<TrafficFacts['dns']> {
  const inside = [...peers.flatMap((peer) => peer.allowedIps), ...addresses];
  const through = dnsServers.filter((server) => inside.some((one) => contains(one, server)));
  return await Promise.all(
    through.map(async (server) => ({ server, answers: await answersDns(server, signal) })),
  );
}

/** Any answer counts, including that the name does not exist. */
async function answersDns(server: string, signal: AbortSignal | undefined): Promise<boolean> {
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: 2 });
  const cancel = (): void => resolver.cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    resolver.setServers([server]);
    await resolver.resolveNs('.');
    return true;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    return !['ETIMEOUT', 'ECONNREFUSED', 'ECANCELLED'].includes(code);
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}
