import type { NetConfig } from '../../network/netconfig.js';
import type { Tun } from '../../tun/tun.js';
import type { TunnelStatus } from '../control/status.js';
import type { UndoJournal } from '../journal.js';
import type { DeviceChange } from '../uapi/change.js';
import type { UapiDevice } from '../uapi/codec.js';

/** What a tunnel does besides for the command line, and by what the tests replace the system. */
export interface ProgramOptions {
  /** Makes the interface; by default a TUN device of the system's. Throws TunError. */
  readonly openTun?: (name: string) => Tun;
  /** Configures the network; by default that of this operating system. */
  readonly netConfig?: NetConfig;
  /** What a warning calls the option that lets hooks run; by default allowHooks. */
  readonly hooksOption?: string;
  /** Told each change of the system before it is made, as wg-quick prints them. */
  readonly onStep?: (description: string) => void;
  /** Told what would have to be undone if this process were killed. */
  readonly journal?: UndoJournal;
  /** A process that was killed has left the kill switch closed: it stays when the bring-up fails. */
  readonly inheritsKillSwitch?: boolean;
  /** On Windows, of the service that runs this process: its kill switch knows the process by it. */
  readonly serviceSid?: string;
  /**
   * Opens a way to watch the tunnel, such as a socket for wg(8), as soon as the device runs: before
   * the network is configured and PostUp runs. The function it returns closes that way, after PreDown.
   */
  readonly expose?: (source: StatusSource) => Promise<() => Promise<void> | void>;
  /**
   * For SaveConfig, which is ignored without it: keeps the state of a tunnel that came up and now goes
   * down. Runs after PreDown, and before anything is taken down; that it fails is logged, and no more.
   */
  readonly save?: (source: StatusSource) => Promise<void>;
}

/** What a tunnel offers for being watched and changed from outside, such as by a socket for wg(8). */
export interface StatusSource {
  /** As `Tunnel.status`. */
  status(): TunnelStatus;
  /** As `Tunnel.readConfiguration`. */
  read(): UapiDevice;
  /** As `Tunnel.configure`, except that routes stay as they are, as with wg(8). */
  change(change: DeviceChange): Promise<void>;
}
