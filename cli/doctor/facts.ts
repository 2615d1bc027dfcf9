/** The input of the checks, from `gather-*` or from tests. Contains no secrets. */

export interface MachineFacts {
  readonly platform: NodeJS.Platform;
  readonly isPrivileged: boolean;
  /** The time of this machine, Unix milliseconds. */
  readonly now: number;
  /** Undefined when the system does not report it. */
  readonly isClockSynchronised?: boolean;
  readonly hasTun: boolean;
  /** Names of installed programs. */
  readonly programs: ReadonlySet<string>;
  /** Tunnels whose process is gone, but whose settings are still in place. */
  readonly crashedTunnels: readonly string[];
  readonly interfaces: readonly InterfaceFacts[];
  readonly routes: readonly RouteFacts[];
  /** Values of /proc/sys by their names, such as `net.ipv4.conf.all.rp_filter`. */
  readonly sysctls: Readonly<Record<string, number>>;
  /** As `nft list ruleset` or `iptables -S` prints them; empty when they cannot be read. */
  readonly firewallRules: string;
  /** How names are resolved; undefined on systems other than Linux. */
  readonly dns?: DnsFacts;
}

export interface DnsFacts {
  /** What sets the servers of a tunnel: a program, wg-ts itself, or nothing. */
  readonly way: 'resolvectl' | 'resolvconf' | 'file' | 'none';
  /** Why /etc/resolv.conf, which has other servers, cannot be written. */
  readonly fixed?: string;
  /** Those in /etc/resolv.conf. */
  readonly servers: readonly string[];
  /** The file is a link, or leads to a resolver on this machine. */
  readonly isManaged: boolean;
  /** Names of the tunnels that wg-ts has written the file for; the last one is in force. */
  readonly writtenFor: readonly string[];
}

export interface InterfaceFacts {
  readonly name: string;
  /** `tun`, `wireguard`, ...; undefined for hardware. */
  readonly kind?: string;
  /** With prefix length. */
  readonly addresses: readonly string[];
}

export interface RouteFacts {
  /** With prefix length. */
  readonly destination: string;
  readonly interfaceName: string;
  /** Reached without a router. */
  readonly isOnLink: boolean;
}

export interface TunnelFacts {
  readonly name: string;
  readonly configuration: ConfigurationFacts;
  /** Present while the tunnel is up. */
  readonly running?: RunningFacts;
  /** The public key of the file, if it has a private key. */
  readonly filePublicKey?: string;
  /** Warnings about the file, such as that users other than its owner can read it. */
  readonly fileWarnings: readonly string[];
}

/** From the file, or from a running tunnel without one. */
export interface ConfigurationFacts {
  /** Base64. */
  readonly publicKey: string;
  readonly listenPort: number;
  readonly fwMark: number;
  /** With prefix length. */
  readonly addresses: readonly string[];
  readonly dnsServers: readonly string[];
  readonly table: 'auto' | 'off' | number;
  readonly peers: readonly PeerFacts[];
}

export interface PeerFacts {
  /** Base64. */
  readonly publicKey: string;
  readonly hasPresharedKey: boolean;
  readonly endpoint?: { readonly host: string; readonly port: number };
  readonly allowedIps: readonly string[];
  /** Seconds, 0 is off. */
  readonly persistentKeepalive: number;
}

export interface RunningFacts {
  /** Base64. */
  readonly publicKey: string;
  readonly listenPort: number;
  readonly fwMark: number;
  /** The MTU of the interface. */
  readonly mtu?: number;
  readonly peers: readonly RunningPeerFacts[];
}

export interface RunningPeerFacts {
  /** Base64. */
  readonly publicKey: string;
  /** Unix milliseconds, 0 is never. */
  readonly latestHandshake: number;
  readonly rxBytes: number;
  readonly txBytes: number;
}

/** An endpoint of a peer, and how it is reached. */
export interface EndpointFacts {
  /** Base64, of the peer. */
  readonly publicKey: string;
  /** As configured. */
  readonly host: string;
  readonly port: number;
  /** Undefined when `host` has none; `resolveError` is the reason. */
  readonly address?: string;
  readonly resolveError?: string;
  /** The route of the system to this address. */
  readonly route?: { readonly interfaceName: string; readonly source?: string };
  /** `ECONNREFUSED`, `EHOSTUNREACH`, ..., the network's response to a datagram that was sent there. */
  readonly udpError?: string;
  /** Whether the host answers a ping; undefined when it was not tried. */
  readonly answersPing?: boolean;
}

/** The outcome of a handshake of a running tunnel, or of a probe. */
export interface HandshakeFacts {
  /** Base64, of the peer. */
  readonly publicKey: string;
  /**
   * `completed`; `recent`: there was one not long ago; `rejected`: the response cannot be decrypted with
   * our keys; `silence`: no response; `unsent`: no initiation was sent; `untried`.
   */
  readonly state: 'completed' | 'recent' | 'rejected' | 'silence' | 'unsent' | 'untried';
}

/** What passes through a tunnel that has completed a handshake. */
export interface TrafficFacts {
  /** An address of a peer that answers pings; undefined when none does. */
  readonly answering?: string;
  readonly asked: readonly string[];
  readonly mtu?: MtuFacts;
  readonly dns: readonly { readonly server: string; readonly answers: boolean }[];
  readonly beyond: readonly BeyondFacts[];
}

export type MtuFacts =
  | { readonly state: 'found'; readonly mtu: number; readonly current: number }
  | { readonly state: 'blocked'; readonly lowest: number; readonly current: number };

/** An address behind the peer, not the peer's own. */
export interface BeyondFacts {
  readonly address: string;
  /** True if the user or the configuration names it, so that it should exist; otherwise it is a guess. */
  readonly isNamed: boolean;
  readonly answers: boolean;
  /** Whether the peer forwards packets: it reported one whose time to live expired there. */
  readonly isForwarded?: boolean;
}
