import type { PeerChange } from '../../protocol/index.js';
import type { EndpointConfig } from '../../src/config/model.js';
import { type ResolveOptions, resolveEndpoint } from '../../src/control/endpoints/resolve.js';
import type { DeviceChange } from '../../src/uapi/change.js';

/** The change that a command line or a file of wg(8) asks for. */
export interface WgChange {
  /** Without endpoints. */
  readonly change: DeviceChange;
  /** The endpoints of peers in `change`; hosts may be names. */
  readonly endpoints: ReadonlyMap<PeerChange, EndpointConfig>;
}

/** Resolves to the change with its endpoints; shares the secrets of `change`. Throws WgTsError ERR_RESOLVE. */
export async function resolveChange(
  { change, endpoints }: WgChange,
  options: ResolveOptions = {},
): Promise<DeviceChange> {
  const peers: PeerChange[] = [];
  for (const peer of change.peers) {
    const endpoint = peer.remove ? undefined : endpoints.get(peer);
    peers.push(endpoint ? { ...peer, endpoint: await resolveEndpoint(endpoint, options) } : peer);
  }
  return { ...change, peers };
}
