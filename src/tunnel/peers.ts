/** Finds the peers of a configuration when a tunnel comes up. */
import { messageOf } from '../../system/errors.js';
import { encodeKey } from '../config/key.js';
import { type Config, endpointsOf, type PeerConfig } from '../config/model.js';
import { findPeersLeniently, type LeftOut } from '../control/endpoints/candidates.js';
import type { ReachablePeer } from '../control/endpoints/peerlink.js';
import type { ResolveOptions } from '../control/endpoints/resolve.js';
import type { Logger } from '../logger.js';

/** Peers that a warning names; of thousands the first few are enough. */
const NAMED_PEERS = 3;

/** Warns of peers whose names are still being looked up. Throws the same as `findPeersLeniently`. */
export async function findReachable(
  { peers }: Config,
  resolving: ResolveOptions,
  logger: Logger,
): Promise<Map<PeerConfig, ReachablePeer>> {
  const { found, leftOut } = await findPeersLeniently(peers, resolving);
  if (leftOut.length > 0) logger.warn(withoutEndpoints(leftOut));
  return found;
}

function withoutEndpoints(leftOut: readonly LeftOut[]): string {
  const named = leftOut.slice(0, NAMED_PEERS).map(({ peer, reason }) => {
    const hosts = endpointsOf(peer).map(({ host }) => host);
    const why = reason === undefined ? 'no answer yet' : messageOf(reason);
    return `peer ${encodeKey(peer.publicKey).slice(0, 8)}… (${hosts.join(', ')}: ${why})`;
  });
  const others = leftOut.length - named.length;
  const more = others > 0 ? ` and ${others} more` : '';
  return `comes up without an endpoint of ${named.join(', ')}${more}, and goes on looking it up`;
}
