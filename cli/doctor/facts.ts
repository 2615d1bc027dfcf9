/** What the checks judge: gathered by `gather-*`, made up by tests. Nothing here is secret. */

export interface MachineFacts {
  readonly platform: NodeJS.Platform;
  readonly isPrivileged: boolean;
  /** Of this machine, Unix milliseconds. */
  readonly now: number;
  /** Undefined where the system does not tell. */
  readonly isClockSynchronised?: boolean;
  readonly hasTun: boolean;
  /** Names of programs that are there. */
  readonly programs: ReadonlySet<string>;
  /** Tunnels whose process is gone, but not what it has set up. */
  readonly crashedTunnels: readonly string[];
  readonly interfaces: readonly InterfaceFacts[];
  readonly routes: readonly RouteFacts[];
  /** Values of /proc/sys by their names, such as `net.ipv4.conf.all.rp_filter`. */
  readonly sysctls: Readonly<Record<string, number>>;
  /** As `nft list ruleset` or `iptables -S` prints them; empty when they cannot be read. */
  readonly firewallRules: string;
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
  /** Present while it is up. */
  readonly running?: RunningFacts;
  /** Of the file, where there is one beside the running tunnel. */
  readonly filePublicKey?: string;
  /** That others than its owner can read its file. */
  readonly fileWarnings: readonly string[];
}

/** Of the file, or of a running tunnel without one. */
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
  /** Of the interface. */
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

/** How a peer's endpoint is reached. */
export interface EndpointFacts {
  /** Base64, of the peer. */
  readonly publicKey: string;
  /** As configured. */
  readonly host: string;
  readonly port: number;
  /** Undefined when `host` has none; `resolveError` tells why. */
  readonly address?: string;
  readonly resolveError?: string;
  /** Where the system sends what is for it. */
  readonly route?: { readonly interfaceName: string; readonly source?: string };
  /** `ECONNREFUSED`, `EHOSTUNREACH`, ... told by the network for a datagram that was sent there. */
  readonly udpError?: string;
  /** Whether the host answers a ping; undefined when it was not tried. */
  readonly answersPing?: boolean;
}

/** What became of a handshake while we watched, or of one made for a look. */
export interface HandshakeFacts {
  /** Base64, of the peer. */
  readonly publicKey: string;
  /**
   * `completed`; `recent`: there was one not long ago; `rejected`: an answer came that our keys do not
   * open; `silence`: none came; `unsent`: no initiation left; `untried`.
   */
  readonly state: 'completed' | 'recent' | 'rejected' | 'silence' | 'unsent' | 'untried';
}

/** What passes through a tunnel that has a handshake. */
export interface TrafficFacts {
  /** An address of the peers that answers pings; undefined: none does. */
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
  /** It is known to be there: somebody named it. Else it is but likely. */
  readonly isNamed: boolean;
  readonly answers: boolean;
  /** The peer passes packets on: it answered to one whose time to live was over there. */
  readonly isForwarded?: boolean;
}
