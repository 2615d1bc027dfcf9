import type { Secret } from '../../crypto/secret.js';
import type { IpPrefix } from '../../protocol/ip.js';

/** A WireGuard configuration: the union of the keys of wg(8) and wg-quick(8). */
export interface Config {
  readonly interface: InterfaceConfig;
  readonly peers: readonly PeerConfig[];
}

export interface InterfaceConfig {
  readonly privateKey: Secret;
  /** 0 or absent: the system chooses. */
  readonly listenPort?: number;
  /** 0 or absent: none. */
  readonly fwMark?: number;
  readonly addresses: readonly IpPrefix[];
  readonly dnsServers: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly mtu?: number;
  readonly table: 'auto' | 'off' | number;
  readonly preUp: readonly string[];
  readonly postUp: readonly string[];
  readonly preDown: readonly string[];
  readonly postDown: readonly string[];
  readonly saveConfig: boolean;
}

export interface PeerConfig {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly presharedKey?: Secret;
  readonly allowedIps: readonly IpPrefix[];
  readonly endpoint?: EndpointConfig;
  /** Seconds, 1 to 65535; absent is off. */
  readonly persistentKeepalive?: number;
}

/** `host` is an IP address or a name to be resolved, without brackets. */
export interface EndpointConfig {
  readonly host: string;
  readonly port: number;
}
