import type { Secret } from '../../crypto/secret.js';

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
