import type { Endpoint } from '../protocol/dataplane.js';
import type { Command } from '../system/commands.js';

/** What an interface needs besides packets. Addresses and networks are canonical text. */
export interface InterfaceSettings {
  /** Of the interface. */
  readonly name: string;
  /** By which Windows knows the interface; absent elsewhere. */
  readonly luid?: bigint;
  /** With prefix length: `10.0.0.2/24`, `fd00::2/64`. */
  readonly addresses: readonly string[];
  /** Bytes. */
  readonly mtu: number;
  /** Networks to route into the interface; masked, without duplicates. */
  readonly routes: readonly string[];
  /**
   * What is left out of the default routes in `routes`: goes where it would go without the tunnel.
   * Disjoint networks. Empty where `NetConfig.leavesOut` is not true.
   */
  readonly excluded?: readonly string[];
  /** Nothing may leave this machine past the tunnel. */
  readonly killSwitch?: boolean;
  /** `auto`: main table, and wg-quick's policy routing for a default route; `off`: no routes. */
  readonly table: 'auto' | 'off' | number;
  /** Mark of the tunnel's own UDP packets; 0 is none. With a default route it is never 0. */
  readonly fwMark: number;
  /** IP addresses. */
  readonly dnsServers: readonly string[];
  /** Domains that names are completed with. */
  readonly dnsSearch: readonly string[];
  /** Of the peers, at the moment; the tunnel's own packets go there, past the tunnel. */
  readonly endpoints: readonly Endpoint[];
  /** Of the tunnel's own packets. */
  readonly listenPort: number;
  /** Of the configuration; 1 when it is left out. */
  readonly peerCount?: number;
  /** The tunnel's sockets are bound to the interface that `watch` tells, so endpoints need no route. */
  readonly bindsSockets?: boolean;
}

/** What a kill switch has to let pass. */
export interface KillSwitchSettings {
  /** Of the tunnel's interface, which need not be there yet. */
  readonly name: string;
  /** Of the tunnel's own UDP packets; not 0. */
  readonly fwMark: number;
  /** Networks that may be reached past the tunnel; disjoint. */
  readonly excluded: readonly string[];
  /** Names may be asked of the servers that this machine has now, as those of endpoints have to be. */
  readonly allowsDns: boolean;
}

/**
 * One change of the system. `undo` is data so that a later process can run it too when this one was
 * killed; each command must be harmless when there is nothing (any more) to undo.
 */
export interface NetStep {
  /** As wg-quick prints it: `ip link set mtu 1420 up dev office`. */
  readonly describe: string;
  /** Throws NetConfigError. */
  apply(): Promise<void>;
  /** Empty for what vanishes with the interface. */
  readonly undo: readonly Command[];
  /** Takes back what would vanish with this process, such as a filter of a session of it. */
  readonly revert?: () => void;
}

/** What a tunnel will do to the network of the machine. */
export interface NetPlan {
  /** In the order in which they are applied. */
  readonly steps: readonly NetStep[];
  /** What was asked for and will not be done, and what may surprise; one line each. */
  readonly warnings: readonly string[];
}

/** What changes on the machine while a tunnel is up. */
export interface NetListener {
  /**
   * The tunnel's own packets have to leave by this interface from now on, so that they do not go
   * round; undefined: there is none, and nothing may be sent.
   */
  onBindInterface(family: 4 | 6, index: number | undefined): void;
  /** Of the tunnel's interface, which has it already. */
  onMtu(mtu: number): void;
}

/** Follows the network of the machine while a tunnel is up. */
export interface NetWatch {
  /** Peers have other endpoints now. */
  setEndpoints(endpoints: readonly Endpoint[]): void;
  /** The tunnel's own packets come from another port now. */
  setListenPort(port: number): void;
  /** Ends the watching, and takes back what it has done to the system since. Idempotent. */
  close(): void;
}

/** How a tunnel configures the network of the machine; made for each operating system. */
export interface NetConfig {
  /** MTU of the route towards `address`, or undefined when there is no route or it cannot be told. */
  mtuTowards(address: string): Promise<number | undefined>;
  /**
   * A routing table and mark that nothing uses yet, for a default route (wg-quick starts at 51820);
   * 0 where the system needs none.
   */
  freeTable(): Promise<number>;
  /** `plan` takes `excluded`; elsewhere `routes` must be what is left. */
  readonly leavesOut?: true;
  /**
   * Lets nothing past the tunnel from before it is there until the step's undo is run, also after this
   * process was killed; in place of the one that was set for `name` before, without a gap. Undefined
   * where a program for it is missing. Where the method is missing, `plan` sets the kill switch.
   */
  killSwitch?(settings: KillSwitchSettings): Promise<NetStep | undefined>;
  /**
   * The steps in order; nothing is changed before they are applied. Throws NetConfigError
   * ERR_ADDRESS_IN_USE when another interface has one of the addresses, and ERR_ROUTE_IN_USE when one
   * has a route of the same network and table.
   */
  plan(settings: InterfaceSettings): Promise<NetPlan>;
  /**
   * Of one route more, for an interface that is up; undefined where it needs none. Throws
   * NetConfigError ERR_ROUTE_IN_USE. Where the method is missing, routes change with the interface only.
   */
  routeStep?(settings: InterfaceSettings, route: string): Promise<NetStep | undefined>;
  /**
   * MTU of an interface that is up, in bytes; where each family has its own, that of IPv6 is at least
   * 1280. Throws NetConfigError. Where the method is missing, `MTU = probe` changes nothing.
   */
  setMtu?(settings: Pick<InterfaceSettings, 'name' | 'luid'>, mtu: number): Promise<void>;
  /**
   * Runs the undo commands of applied steps, given in the order of the steps, from the last to the
   * first. That something is gone already is no failure; failures are reported, and the rest still
   * runs.
   */
  undo(commands: readonly Command[], onError: (error: Error) => void): Promise<void>;
  /**
   * Where the system does not keep the tunnel's own packets out of it by itself: follows the default
   * route, from after `plan`'s steps until `close`. `bindsSockets`: the listener binds the sockets to
   * the interface it is told; else each endpoint gets a route of its own.
   */
  watch?(
    settings: InterfaceSettings,
    options: { readonly bindsSockets: boolean; readonly followMtu: boolean },
    listener: NetListener,
  ): NetWatch;
}
