import { isAllZero, type Secret } from '../../crypto/secret.js';
import type { IpPrefix } from '../../protocol/ip.js';

/** A WireGuard configuration: the union of the keys of wg(8) and wg-quick(8). */
export interface Config {
  /** The [Interface] section. */
  readonly interface: InterfaceConfig;
  /** The [Peer] sections, in the order of the file; one for each public key. */
  readonly peers: readonly PeerConfig[];
}

/** The local side of a tunnel. */
export interface InterfaceConfig {
  /** 32 zero bytes mean that PostUp has to set it. */
  readonly privateKey: Secret;
  /** 0 or absent: the system chooses. */
  readonly listenPort?: number;
  /** 0 or absent: none. */
  readonly fwMark?: number;
  /** Addresses of the interface, with the length of its network. */
  readonly addresses: readonly IpPrefix[];
  /** IP addresses of DNS servers. */
  readonly dnsServers: readonly string[];
  /** DNS search domains. */
  readonly dnsSearch: readonly string[];
  /** Bytes; absent: the MTU of the route to the endpoint minus 80. */
  readonly mtu?: number;
  /**
   * `MTU = probe`: the largest MTU that passes is found once the tunnel is up; `mtu` is absent then.
   */
  readonly probesMtu?: boolean;
  /**
   * Where routes are added: `auto` works like wg-quick, `off` adds none, a number is a routing table.
   */
  readonly table: 'auto' | 'off' | number;
  /** Shell commands, run before the interface has addresses; %i is the interface's name. */
  readonly preUp: readonly string[];
  /** Shell commands, run when everything is configured. */
  readonly postUp: readonly string[];
  /** Shell commands, run before anything is undone. */
  readonly preDown: readonly string[];
  /** Shell commands, run when everything is undone. */
  readonly postDown: readonly string[];
  /** The state at shutdown is written back to the file, by the program that passed `save`. */
  readonly saveConfig: boolean;
  /** No traffic may leave the machine outside the tunnel. */
  readonly killSwitch?: boolean;
  /** Seconds after which the host names of Endpoints are looked up again; absent is off. */
  readonly reresolveInterval?: number;
  /** IP address and port at which metrics are served by HTTP; absent is off. */
  readonly metrics?: EndpointConfig;
}

/** A peer: where its packets are sent, and which packets it may send. */
export interface PeerConfig {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes, mixed into each handshake. */
  readonly presharedKey?: Secret;
  /** Without the networks that `excludedIps` removes from them. */
  readonly allowedIps: readonly IpPrefix[];
  /** As written. */
  readonly excludedIps?: readonly ExcludedIp[];
  /** AllowedIPs as written, where there are `excludedIps`. */
  readonly writtenAllowedIps?: readonly IpPrefix[];
  /** Absent: the endpoint is learned when the peer connects. */
  readonly endpoint?: EndpointConfig;
  /** Tried in turn when no handshake completes at `endpoint`. */
  readonly fallbackEndpoints?: readonly EndpointConfig[];
  /** Seconds, 1 to 65535; absent is off. */
  readonly persistentKeepalive?: number;
}

/**
 * A network, or `lan`: the private, link-local and multicast ranges except the tunnel's own networks.
 */
export type ExcludedIp = IpPrefix | 'lan';

/** `host` is an IP address or a name to be resolved, without brackets. */
export interface EndpointConfig {
  /** `192.0.2.1`, `2001:db8::1`, `vpn.example.com`. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** Returns the endpoints of a peer, the preferred one first. */
export function endpointsOf({
  endpoint,
  fallbackEndpoints = [],
}: PeerConfig): readonly EndpointConfig[] {
  return endpoint ? [endpoint, ...fallbackEndpoints] : fallbackEndpoints;
}

/** Returns false when PostUp has to set the key. */
export function hasPrivateKey({ privateKey }: InterfaceConfig): boolean {
  return !isAllZero(privateKey.expose());
}

/** Zeroes the secrets of a configuration that is no longer needed. */
export function zeroConfig({ interface: own, peers }: Config): void {
  own.privateKey.zero();
  for (const { presharedKey } of peers) presharedKey?.zero();
}
