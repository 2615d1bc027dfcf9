import type { NetConfig } from '../tun/netconfig.js';
import type { Tun } from '../tun/tun.js';
import type { Clock } from './clock.js';
import type { UndoJournal } from './journal.js';
import type { LiveConfiguration } from './livechanges.js';
import type { Logger } from './logger.js';
import type { MetricsAddress } from './metrics/model.js';
import type { PlaneOptions } from './planechoice.js';
import type { Resolver } from './resolve.js';
import type { TunnelStatus } from './status.js';
import type { UdpOptions } from './udp.js';

export interface TunnelOptions extends PlaneOptions {
  /** Of the interface: 1 to 15 of the characters a-z A-Z 0-9 _ = + . - */
  readonly name: string;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly resolver?: Resolver;
  /** How often a name server that does not answer is asked again. */
  readonly resolveRetries?: number;
  /** Gives up the bring-up, which then rejects with the signal's reason after undoing its steps. */
  readonly signal?: AbortSignal;
  /**
   * Packets come from and go to this device instead of an interface of the system's: then nothing of
   * the system's network is configured, no hook runs, and no privilege is needed. It is closed with
   * the tunnel, and when the bring-up fails.
   */
  readonly tun?: Tun;
  readonly netConfig?: NetConfig;
  /**
   * Reconnects at once when the machine has another network or wakes from sleep; by default where the
   * interface is the system's.
   */
  readonly followNetwork?: boolean;
  /** On Windows, of the service that runs this process: its kill switch knows the process by it. */
  readonly serviceSid?: string;
  /** Makes the interface; by default a TUN device of the system's. Throws TunError. */
  readonly openTun?: (name: string) => Tun;
  /** Addresses to listen on. */
  readonly udp?: Pick<UdpOptions, 'ipv4Address' | 'ipv6Address' | 'ipv6'>;
  readonly journal?: UndoJournal;
  /** Where metrics are served by HTTP, as `serveMetrics` does; by default what the configuration says. */
  readonly metrics?: MetricsAddress;
  /** A process that was killed has left the kill switch closed: it stays when the bring-up fails. */
  readonly inheritsKillSwitch?: boolean;
  /**
   * On Windows: PreUp, PostUp, PreDown and PostDown run. Without, each is skipped with a warning, as
   * whoever wrote the file may have fewer rights than this process.
   */
  readonly allowHooks?: boolean;
  /** Told each change of the system before it is made, as wg-quick prints them. */
  readonly onStep?: (description: string) => void;
  /**
   * Opens a way to watch the tunnel, such as a socket for wg(8), as soon as the device runs: before
   * the network is configured and PostUp runs. What it answers closes that way, after PreDown.
   */
  readonly expose?: (source: StatusSource) => Promise<() => Promise<void> | void>;
  /**
   * For SaveConfig, which is ignored without it: keeps the state of a tunnel that came up and now goes
   * down. Runs after PreDown, and before anything is taken down; that it fails is logged, and no more.
   */
  readonly save?: (source: StatusSource) => Promise<void>;
}

export interface StatusSource extends Pick<LiveConfiguration, 'read' | 'change'> {
  status(): TunnelStatus;
}
