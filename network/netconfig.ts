import type { Endpoint } from '../protocol/dataplane.js';
import type { Command } from '../system/commands.js';

/** The settings of an interface. Addresses and networks are canonical text. */
export interface InterfaceSettings {
  /** The interface's name. */
  readonly name: string;
  /** The LUID of the interface on Windows; absent elsewhere. */
  readonly luid?: bigint;
  /** With prefix length: `10.0.0.2/24`, `fd00::2/64`. */
  readonly addresses: readonly string[];
  /** Bytes. */
  readonly mtu: number;
  /** Networks to route into the interface; masked, without duplicates. */
  readonly routes: readonly string[];
  /**
   * Networks that are excluded from the default routes in `routes`: packets to them are routed as
   * without the tunnel. Disjoint. Empty where `NetConfig.leavesOut` is not true.
   */
  readonly excluded?: readonly string[];
  /** Nothing may leave this machine past the tunnel. */
  readonly killSwitch?: boolean;
  /** `auto`: main table, and wg-quick's policy routing for a default route; `off`: no routes. */
  readonly table: 'auto' | 'off' | number;
  /** Mark of the tunnel's own UDP packets; 0 is none. With a default route it is never 0. */
  readonly fwMark: number;
  /** IP addresses of DNS servers. */
  readonly dnsServers: readonly string[];
  /** DNS search domains. */
  readonly dnsSearch: readonly string[];
  /** Current endpoints of the peers; the tunnel's own packets go there, past the tunnel. */
  readonly endpoints: readonly Endpoint[];
  /** Source port of the tunnel's own packets. */
  readonly listenPort: number;
  /** Number of peers in the configuration; 1 when it is left out. */
  readonly peerCount?: number;
  /**
   * The tunnel's sockets are bound to the interface that `watch` reports, so endpoints need no route.
   */
  readonly bindsSockets?: boolean;
}

/** What a kill switch has to permit. */
export interface KillSwitchSettings {
  /** Name of the tunnel's interface, which need not exist yet. */
  readonly name: string;
  /** Mark of the tunnel's own UDP packets; not 0. */
  readonly fwMark: number;
  /** Networks that may be reached past the tunnel; disjoint. */
  readonly excluded: readonly string[];
  /**
   * IP addresses of the machine's own name servers, which the tunnel's own packets may query over TCP
   * too. Empty if no endpoint has a name.
   */
  readonly nameServers: readonly string[];
}

/** How this machine resolves names, by itself and without the tunnel. */
export interface NameServers {
  /** Addresses that are not on loopback, without duplicates, the preferred one first. */
  readonly servers: readonly string[];
  /** Domains to search for a name that has less than `ndots` dots, or is not found otherwise. */
  readonly search: readonly string[];
  readonly ndots: number;
}

/**
 * One change of the system. `undo` is data, so that a later process can run it when this one was
 * killed; each command must be harmless when there is nothing (any more) to undo.
 */
export interface NetStep {
  /** As wg-quick prints it: `ip link set mtu 1420 up dev office`. */
  readonly describe: string;
  /** Throws NetConfigError. */
  apply(): Promise<void>;
  /** Empty for a change that vanishes with the interface. */
  readonly undo: readonly Command[];
  /** Reverts a change that would vanish with this process, such as a filter of one of its sessions. */
  readonly revert?: () => void;
}

/** The changes that a tunnel will make to the network of the machine. */
export interface NetPlan {
  /** In the order in which they are applied. */
  readonly steps: readonly NetStep[];
  /** Requested settings that will not be applied, and possible surprises; one line each. */
  readonly warnings: readonly string[];
}

/** Called with changes on the machine while a tunnel is up. */
export interface NetListener {
  /**
   * The tunnel's own packets have to leave by this interface from now on, so that they do not enter the
   * tunnel; undefined: there is none, and nothing may be sent.
   */
  onBindInterface(family: 4 | 6, index: number | undefined): void;
  /** The MTU of the tunnel's interface has changed. */
  onMtu(mtu: number): void;
}

/** Follows the network of the machine while a tunnel is up. */
export interface NetWatch {
  /** The endpoints of peers have changed. */
  setEndpoints(endpoints: readonly Endpoint[]): void;
  /** The source port of the tunnel's own packets has changed. */
  setListenPort(port: number): void;
  /** Ends the watch, and reverts the changes it made to the system. Idempotent. */
  close(): void;
}

/** Configures the network of the machine for a tunnel; implemented for each operating system. */
export interface NetConfig {
  /**
   * Resolves to the MTU of the route to `address`; undefined when there is no route or it is unknown.
   */
  mtuTowards(address: string): Promise<number | undefined>;
  /**
   * Resolves to an unused routing table and mark for a default route (wg-quick starts at 51820); 0
   * where the system needs none.
   */
  freeTable(): Promise<number>;
  /**
   * `plan` supports `excluded`; where this is absent, `routes` must not include the excluded networks.
   */
  readonly leavesOut?: true;
  /**
   * Returns a step that lets nothing past the tunnel, from before it exists until the step's undo is
   * run, also after this process was killed. It replaces a previous one for `name` without a gap.
   * Undefined where a required program is missing. Where the method is missing, `plan` sets the kill
   * switch.
   */
  killSwitch?(settings: KillSwitchSettings): Promise<NetStep | undefined>;
  /**
   * Resolves to the machine's name servers, without those in `tunnel`. Where the method is missing, the
   * names of endpoints are always looked up by the system's resolver.
   */
  nameServers?(tunnel?: Pick<NameServers, 'servers' | 'search'>): Promise<NameServers>;
  /**
   * Returns the steps in order; nothing is changed before they are applied. Throws NetConfigError
   * ERR_ROUTE_IN_USE when another interface has a route with the same network and table and, on Windows,
   * ERR_ADDRESS_IN_USE when one has one of the addresses; on Linux that is a warning.
   */
  plan(settings: InterfaceSettings): Promise<NetPlan>;
  /**
   * Returns the step for one more route of an interface that is up; undefined where it needs none.
   * Throws NetConfigError ERR_ROUTE_IN_USE. Where the method is missing, routes change with the
   * interface only.
   */
  routeStep?(settings: InterfaceSettings, route: string): Promise<NetStep | undefined>;
  /**
   * Sets the MTU of an interface that is up, in bytes; where each family has its own, that of IPv6 is
   * at least 1280. Throws NetConfigError. Where the method is missing, `MTU = probe` changes nothing.
   */
  setMtu?(settings: Pick<InterfaceSettings, 'name' | 'luid'>, mtu: number): Promise<void>;
  /**
   * Runs the undo commands of applied steps, given in the order of the steps, from the last to the
   * first. If something is already gone, that is not a failure; failures are reported, and the rest
   * still runs.
   */
  undo(commands: readonly Command[], onError: (error: Error) => void): Promise<void>;
  /**
   * Keeps the tunnel's DNS servers where `plan` has put them, until `close`: when another program
   * replaces them, they are put back. `onWarning` gets one line. Where the method is missing, nothing
   * replaces them.
   */
  keepDns?(settings: InterfaceSettings, onWarning: (message: string) => void): { close(): void };
  /**
   * Resolves to the commands that undo what a crash has left even without a record of it, as after a
   * power failure: of the tunnel `name`, or of all tunnels that are not up.
   */
  leftBehind?(name?: string): Promise<readonly Command[]>;
  /**
   * For systems that do not keep the tunnel's own packets out of it: follows the default route, from
   * after `plan`'s steps until `close`. `bindsSockets`: the listener binds the sockets to the reported
   * interface; otherwise each endpoint gets its own route.
   */
  watch?(
    settings: InterfaceSettings,
    options: { readonly bindsSockets: boolean; readonly followMtu: boolean },
    listener: NetListener,
  ): NetWatch;
}
