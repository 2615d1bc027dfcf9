import type { Endpoint } from '../../../protocol/dataplane.js';
import { pause } from '../../../system/waiting.js';
import { endpointsOf, type PeerConfig } from '../../config/model.js';
import type { ReachablePeer } from './peerlink.js';
import { type ResolveOptions, resolveAddresses } from './resolve.js';

/** Milliseconds to wait for the other names of a peer when one has been resolved. */
const GRACE = 1000;

/**
 * Resolves the endpoints of all peers at once; peers without an Endpoint are left out. Of several
 * Endpoints of a peer one is enough: a name that is not resolved soon after the first has no addresses
 * yet. Throws what `resolveAddresses` throws for a peer of which no Endpoint could be resolved.
 */
export async function findPeers(
  peers: readonly PeerConfig[],
  options: ResolveOptions,
): Promise<Map<PeerConfig, ReachablePeer>> {
  const found = await Promise.all(
    peers
      .filter((peer) => endpointsOf(peer).length > 0)
      .map(async (peer) => [peer, await findPeer(peer, options)] as const),
  );
  return new Map(found);
}

/** A peer without addresses. */
export interface LeftOut {
  readonly peer: PeerConfig;
  /** Why there is no address; undefined for a name server that is still being waited for. */
  readonly reason: unknown;
}

/**
 * Like `findPeers`, but peers whose names cannot be resolved have no addresses in the result, as long as
 * another peer has one, or needs none since it has no Endpoint and connects to us. Only while there is
 * no such peer, names are waited for as `options` says. Throws as `findPeers` does when none is left.
 */
export async function findPeersLeniently(
  peers: readonly PeerConfig[],
  options: ResolveOptions,
): Promise<{ found: Map<PeerConfig, ReachablePeer>; leftOut: readonly LeftOut[] }> {
  const named = peers.filter((peer) => endpointsOf(peer).length > 0);
  const found = new Map<PeerConfig, ReachablePeer>();
  const reasons = new Map<PeerConfig, unknown>();
  let isEnough = named.length < peers.length;
  const enough = new AbortController();
  const signal = AbortSignal.any([enough.signal, ...(options.signal ? [options.signal] : [])]);
  const onRetry = (message: string): void => {
    if (!isEnough) options.onRetry?.(message);
  };
  const lookups = named.map(async (peer) => {
    try {
      const reachable = await findPeer(peer, { ...options, signal, onRetry });
      if (enough.signal.aborted) return;
      found.set(peer, reachable);
      isEnough = true;
    } catch (error) {
      if (!enough.signal.aborted) reasons.set(peer, error);
      throw error;
    }
  });
  const settled = Promise.allSettled(lookups);
  try {
    if (!isEnough && named.length > 0) await Promise.any(lookups);
    await Promise.race([settled, pause(GRACE, { ...options, signal }).catch(() => undefined)]);
    options.signal?.throwIfAborted();
  } catch (error) {
    options.signal?.throwIfAborted();
    throw error instanceof AggregateError ? error.errors[0] : error;
  } finally {
    enough.abort();
  }
  const leftOut = named.filter((peer) => !found.has(peer));
  for (const peer of leftOut) found.set(peer, unresolvedPeer(peer));
  return { found, leftOut: leftOut.map((peer) => ({ peer, reason: reasons.get(peer) })) };
}

function unresolvedPeer(peer: PeerConfig): ReachablePeer {
  const endpoints = endpointsOf(peer);
  return { publicKey: peer.publicKey, endpoints, addresses: endpoints.map(() => []) };
}

/** Returns the first address that is known. */
export function firstAddress(peer: ReachablePeer | undefined): Endpoint | undefined {
  return peer?.addresses.flat()[0];
}

async function findPeer(peer: PeerConfig, options: ResolveOptions): Promise<ReachablePeer> {
  const endpoints = endpointsOf(peer);
  const addresses: (readonly Endpoint[])[] = endpoints.map(() => []);
  const enough = new AbortController();
  const signals = [enough.signal, ...(options.signal ? [options.signal] : [])];
  const signal = AbortSignal.any(signals);
  const lookups = endpoints.map(async (endpoint, index) => {
    const found = await resolveAddresses(endpoint, { ...options, signal });
    if (!enough.signal.aborted) addresses[index] = found;
  });
  const settled = Promise.allSettled(lookups);
  try {
    await Promise.any(lookups);
    await Promise.race([settled, pause(GRACE, { ...options, signal }).catch(() => undefined)]);
    options.signal?.throwIfAborted();
  } catch (error) {
    // Of several failures, throw that of the preferred Endpoint.
    throw error instanceof AggregateError ? error.errors[0] : error;
  } finally {
    enough.abort();
  }
  return { publicKey: peer.publicKey, endpoints, addresses };
}
