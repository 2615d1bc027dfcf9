import type { PeerChange } from '../../protocol/index.js';
import type { EndpointConfig } from '../../src/config/model.js';
import { type ResolveOptions, resolveEndpoint } from '../../src/control/endpoints/resolve.js';
import type { DeviceChange } from '../../src/uapi/change.js';

/** What a command line or a file of wg(8) asks for. */
export interface WgChange {
  /** Without endpoints. */
  readonly change: DeviceChange;
  /** Of peers of `change`; they may be names. */
  readonly endpoints: ReadonlyMap<PeerChange, EndpointConfig>;
}

/** The change with its endpoints. The secrets stay those of `change`. Throws WgTsError ERR_RESOLVE. */
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
