import { formatEndpoint } from '../config/format.js';
import type { EndpointConfig } from '../config/model.js';
import { WgTsError } from '../errors.js';
import { type ResolveOptions, resolveEndpoint } from '../resolve.js';
import type { UapiChange, UapiPeerChange } from '../uapi/change.js';

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
    const { address, port } = await resolveEndpoint(endpoint, options);
    peers.push({ ...peer, endpoint: formatEndpoint({ host: address, port }) });
  }
  return { ...change, peers };
}

/** Of WG_ENDPOINT_RESOLUTION_RETRIES, a number or `infinity`. Throws WgTsError ERR_USAGE. */
export function resolutionRetries(
  env: NodeJS.ProcessEnv = process.env,
): Pick<ResolveOptions, 'retries'> {
  const text = env['WG_ENDPOINT_RESOLUTION_RETRIES'];
  if (text === undefined) return {};
  if (text === 'infinity') return { retries: Number.POSITIVE_INFINITY };
  if (/^\d{1,9}$/.test(text)) return { retries: Number(text) };
  throw new WgTsError(
    'ERR_USAGE',
    "WG_ENDPOINT_RESOLUTION_RETRIES is neither a number nor 'infinity'",
    { hint: 'unset it: without it a name is asked for 15 times more' },
  );
}

/** Zeroes the secrets. */
export function zeroWgChange({ privateKey, peers }: WgChange | UapiChange): void {
  privateKey?.zero();
  for (const { presharedKey } of peers) presharedKey?.zero();
}
