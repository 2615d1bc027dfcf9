import { isAllZero, type Secret } from '../../crypto/secret.js';
import type { IpPrefix } from '../../protocol/ip.js';

/** A WireGuard configuration: the union of the keys of wg(8) and wg-quick(8). */
export interface Config {
  /** Of [Interface]. */
  readonly interface: InterfaceConfig;
  /** Of each [Peer], in the order of the file; one for each public key. */
  readonly peers: readonly PeerConfig[];
}

/** Our own side of a tunnel. */
export interface InterfaceConfig {
  /** 32 zero bytes: PostUp has to set it. */
  readonly privateKey: Secret;
  /** 0 or absent: the system chooses. */
  readonly listenPort?: number;
  /** 0 or absent: none. */
  readonly fwMark?: number;
  /** Of the interface, with the length of its network. */
  readonly addresses: readonly IpPrefix[];
  /** IP addresses of DNS. */
  readonly dnsServers: readonly string[];
  /** Domains of DNS. */
  readonly dnsSearch: readonly string[];
  /** Bytes; absent: that of the route to the endpoint less 80. */
  readonly mtu?: number;
  /** `MTU = probe`: the largest that passes is found when the tunnel is up; `mtu` is absent then. */
  readonly probesMtu?: boolean;
  /** Where routes go: `auto` as wg-quick does it, `off` is no routes, else a number of a table. */
  readonly table: 'auto' | 'off' | number;
  /** Commands of a shell, run before the interface has addresses; %i is its name. */
  readonly preUp: readonly string[];
  /** When all is configured. */
  readonly postUp: readonly string[];
  /** Before anything is undone. */
  readonly preDown: readonly string[];
  /** When all is undone. */
  readonly postDown: readonly string[];
  /** The state at the end is written back to the file, by whoever has given `save`. */
  readonly saveConfig: boolean;
  /** Nothing may leave the machine past the tunnel. */
  readonly killSwitch?: boolean;
  /** Seconds after which the names of Endpoints are looked up again; absent is off. */
  readonly reresolveInterval?: number;
  /** Where metrics are served by HTTP: an IP address and a port; absent is nowhere. */
  readonly metrics?: EndpointConfig;
}

/** Somebody to whom packets go and from whom they come. */
export interface PeerConfig {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes, mixed into each handshake. */
  readonly presharedKey?: Secret;
  /** Without the networks that `excludedIps` takes out of them. */
  readonly allowedIps: readonly IpPrefix[];
  /** As written. */
  readonly excludedIps?: readonly ExcludedIp[];
  /** AllowedIPs as written, where there are `excludedIps`. */
  readonly writtenAllowedIps?: readonly IpPrefix[];
  /** Absent: the peer is found when it comes to us. */
  readonly endpoint?: EndpointConfig;
  /** Tried in turn when no handshake completes at `endpoint`. */
  readonly fallbackEndpoints?: readonly EndpointConfig[];
  /** Seconds, 1 to 65535; absent is off. */
  readonly persistentKeepalive?: number;
}

/** A network, or the private, link-local and multicast ranges but for the tunnel's own networks. */
export type ExcludedIp = IpPrefix | 'lan';

/** `host` is an IP address or a name to be resolved, without brackets. */
export interface EndpointConfig {
  /** `192.0.2.1`, `2001:db8::1`, `vpn.example.com`. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** Of a peer, the preferred one first. */
export function endpointsOf({
  endpoint,
  fallbackEndpoints = [],
}: PeerConfig): readonly EndpointConfig[] {
  return endpoint ? [endpoint, ...fallbackEndpoints] : fallbackEndpoints;
}

/** False: PostUp has to set it. */
export function hasPrivateKey({ privateKey }: InterfaceConfig): boolean {
  return !isAllZero(privateKey.expose());
}

/** Zeroes the secrets of a configuration that is not needed any more. */
export function zeroConfig({ interface: own, peers }: Config): void {
  own.privateKey.zero();
  for (const { presharedKey } of peers) presharedKey?.zero();
}
