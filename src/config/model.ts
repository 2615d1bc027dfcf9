import { isAllZero, type Secret } from '../../crypto/secret.js';
import type { IpPrefix } from '../../protocol/ip.js';

/** A WireGuard configuration: the union of the keys of wg(8) and wg-quick(8). */
export interface Config {
  readonly interface: InterfaceConfig;
  readonly peers: readonly PeerConfig[];
}

export interface InterfaceConfig {
  /** 32 zero bytes: PostUp has to set it. */
  readonly privateKey: Secret;
  /** 0 or absent: the system chooses. */
  readonly listenPort?: number;
  /** 0 or absent: none. */
  readonly fwMark?: number;
  readonly addresses: readonly IpPrefix[];
  readonly dnsServers: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly mtu?: number;
  /** `MTU = probe`: the largest that passes is found when the tunnel is up; `mtu` is absent then. */
  readonly probesMtu?: boolean;
  readonly table: 'auto' | 'off' | number;
  readonly preUp: readonly string[];
  readonly postUp: readonly string[];
  readonly preDown: readonly string[];
  readonly postDown: readonly string[];
  readonly saveConfig: boolean;
  /** Nothing may leave the machine past the tunnel. */
  readonly killSwitch?: boolean;
  /** Seconds after which the names of Endpoints are looked up again; absent is off. */
  readonly reresolveInterval?: number;
  /** Where metrics are served by HTTP: an IP address and a port; absent is nowhere. */
  readonly metrics?: EndpointConfig;
}

export interface PeerConfig {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly presharedKey?: Secret;
  /** Without the networks that `excludedIps` takes out of them. */
  readonly allowedIps: readonly IpPrefix[];
  /** As written. */
  readonly excludedIps?: readonly ExcludedIp[];
  /** AllowedIPs as written, where there are `excludedIps`. */
  readonly writtenAllowedIps?: readonly IpPrefix[];
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
  readonly host: string;
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
