import { formatPlace } from '../../src/config/format.js';
import type { EndpointConfig } from '../../src/config/model.js';
import { type ResolveOptions, resolveEndpoint } from '../../src/control/endpoints/resolve.js';
import type { UapiChange, UapiPeerChange } from '../../src/uapi/change.js';

/** What a command line or a file of wg(8) asks for; endpoints may be names still. */
export interface WgChange extends Omit<UapiChange, 'peers'> {
  readonly peers: readonly WgPeerChange[];
}

export interface WgPeerChange extends Omit<UapiPeerChange, 'endpoint'> {
  readonly endpoint?: EndpointConfig;
}

/** The secrets stay those of `change`. Throws WgTsError ERR_RESOLVE. */
export async function resolveChange(
  change: WgChange,
  options: ResolveOptions = {},
): Promise<UapiChange> {
  const peers: UapiPeerChange[] = [];
  for (const { endpoint, ...peer } of change.peers) {
    if (!endpoint || peer.remove) {
      peers.push(peer);
      continue;
    }
    peers.push({ ...peer, endpoint: formatPlace(await resolveEndpoint(endpoint, options)) });
  }
  return { ...change, peers };
}
