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
