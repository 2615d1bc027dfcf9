/** A change of a running device: as text for programs and for the socket of wg(8), and in bytes. */
import type { Secret } from '../../crypto/secret.js';
import type { Endpoint } from '../../protocol/dataplane.js';
import type { PeerChange } from '../../protocol/device.js';
import { type IpPrefix, parsePrefix } from '../../protocol/ip.js';
import { type ErrorDetails, WgTsError } from '../../system/errors.js';
import { parseUapiEndpoint } from './addresses.js';

const EINVAL = 22;

/** What set=1 asks for; what is left out stays as it is. The secrets are the holder's to zero. */
export interface UapiChange {
  /** 32 zero bytes are none. */
  readonly privateKey?: Secret;
  /** 0: the system chooses. */
  readonly listenPort?: number;
  /** 0 is none. */
  readonly fwMark?: number;
  /** Peers that are not in `peers` are removed. */
  readonly replacePeers?: boolean;
  /** In the order of the request; a peer may come more than once. */
  readonly peers: readonly UapiPeerChange[];
}

/** A peer to be added, changed or removed; what is left out stays as it is. */
export interface UapiPeerChange {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** It is removed, and its session ends. */
  readonly remove?: boolean;
  /** Do nothing when the peer is not there yet. */
  readonly updateOnly?: boolean;
  /** 32 zero bytes are none. */
  readonly presharedKey?: Secret;
  /** `192.0.2.1:51820`, `[2001:db8::1]:51820`: never a name. */
  readonly endpoint?: string;
  /** Seconds, 0 to 65535; 0 is off. */
  readonly persistentKeepalive?: number;
  /** Those that the peer had before are forgotten. */
  readonly replaceAllowedIps?: boolean;
  /** `10.0.0.0/24`, `fd00::/64`; each moves here from the peer that has it. */
  readonly allowedIps?: readonly string[];
  /** Taken from this peer, as wg(8)'s `-10.0.0.0/24`. */
  readonly removeAllowedIps?: readonly string[];
}

/** The same in bytes. */
export interface DeviceChange extends Omit<UapiChange, 'peers'> {
  readonly peers: readonly PeerChange[];
}

/** Why nothing was changed. */
export class ChangeError extends WgTsError {
  /** Stable across versions. */
  declare readonly code: 'ERR_CHANGE';
  /** A positive number of errno.h; undefined when there is no fitting one. */
  readonly errno: number | undefined;

  /** `message` is one line. */
  constructor(message: string, errno: number | undefined, details?: ErrorDetails) {
    super('ERR_CHANGE', message, details);
    this.name = 'ChangeError';
    this.errno = errno;
  }
}

/** The secrets stay those of `change`. Throws ChangeError. */
export function parseChange(change: UapiChange): DeviceChange {
  return { ...change, peers: change.peers.map(parsePeerChange) };
}

function parsePeerChange(peer: UapiPeerChange): PeerChange {
  const { endpoint, allowedIps, removeAllowedIps, ...rest } = peer;
  return {
    ...rest,
    ...(endpoint !== undefined && { endpoint: endpointOf(endpoint) }),
    ...(allowedIps && { allowedIps: allowedIps.map(prefixOf) }),
    ...(removeAllowedIps && { removeAllowedIps: removeAllowedIps.map(prefixOf) }),
  };
}

function endpointOf(text: string): Endpoint {
  const endpoint = parseUapiEndpoint(text);
  if (!endpoint) throw new ChangeError('an endpoint is no IP address with a port', EINVAL);
  return endpoint;
}

function prefixOf(text: string): IpPrefix {
  const prefix = parsePrefix(text);
  if (!prefix) throw new ChangeError('an allowed IP is no network', EINVAL);
  return prefix;
}
