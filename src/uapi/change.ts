/** A change of a running device: in text form for programs and the socket of wg(8), and in bytes. */
import type { Secret } from '../../crypto/secret.js';
import type { Endpoint } from '../../protocol/dataplane.js';
import type { PeerChange } from '../../protocol/device.js';
import { type IpPrefix, parsePrefix } from '../../protocol/ip.js';
import { type ErrorDetails, WgTsError } from '../../system/errors.js';
import { parseUapiEndpoint } from './addresses.js';

const EINVAL = 22;

/**
 * The content of set=1; settings that are left out stay unchanged. The owner has to zero the secrets.
 */
export interface UapiChange {
  /** 32 zero bytes are none. */
  readonly privateKey?: Secret;
  /** 0: the system chooses. */
  readonly listenPort?: number;
  /** 0 is none. */
  readonly fwMark?: number;
  /** Peers that are not in `peers` are removed. */
  readonly replacePeers?: boolean;
  /** In the order of the request; a peer may appear more than once. */
  readonly peers: readonly UapiPeerChange[];
}

/** A peer to be added, changed or removed; settings that are left out stay unchanged. */
export interface UapiPeerChange {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The peer is removed, and its session ends. */
  readonly remove?: boolean;
  /** Does nothing when the peer does not exist. */
  readonly updateOnly?: boolean;
  /** 32 zero bytes are none. */
  readonly presharedKey?: Secret;
  /** `192.0.2.1:51820`, `[2001:db8::1]:51820`: never a name. */
  readonly endpoint?: string;
  /** Seconds, 0 to 65535; 0 is off. */
  readonly persistentKeepalive?: number;
  /** Removes the peer's previous allowed IPs. */
  readonly replaceAllowedIps?: boolean;
  /** `10.0.0.0/24`, `fd00::/64`; each is moved here from the peer that has it. */
  readonly allowedIps?: readonly string[];
  /** Removed from this peer, like `-10.0.0.0/24` of wg(8). */
  readonly removeAllowedIps?: readonly string[];
}

/** The same change in bytes. */
export interface DeviceChange extends Omit<UapiChange, 'peers'> {
  readonly peers: readonly PeerChange[];
}

/** A change was refused; nothing was changed. */
export class ChangeError extends WgTsError {
  /** Stable across versions. */
  declare readonly code: 'ERR_CHANGE';
  /** A positive number of errno.h; undefined when none fits. */
  readonly errno: number | undefined;

  /** `message` is one line. */
  constructor(message: string, errno: number | undefined, details?: ErrorDetails) {
    super('ERR_CHANGE', message, details);
    this.name = 'ChangeError';
    this.errno = errno;
  }
}

/** Parses the text form; the secrets stay those of `change`. Throws ChangeError. */
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
  if (!endpoint) throw new ChangeError('an endpoint is not an IP address with a port', EINVAL);
  return endpoint;
}

function prefixOf(text: string): IpPrefix {
  const prefix = parsePrefix(text);
  if (!prefix) throw new ChangeError('an allowed IP is not a network', EINVAL);
  return prefix;
}
