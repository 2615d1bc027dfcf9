import type { NetConfig } from '../../network/netconfig.js';
import type { Tun } from '../../tun/tun.js';
import type { TunnelStatus } from '../control/status.js';
import type { UndoJournal } from '../journal.js';
import type { DeviceChange } from '../uapi/change.js';
import type { UapiDevice } from '../uapi/codec.js';

/** Options for the command line, and replacements of the system for tests. */
export interface ProgramOptions {
  /** Creates the interface; by default a TUN device of the system. Throws TunError. */
  readonly openTun?: (name: string) => Tun;
  /** Configures the network; by default the implementation for this operating system. */
  readonly netConfig?: NetConfig;
  /** Name of the option that lets hooks run, for warnings; by default allowHooks. */
  readonly hooksOption?: string;
  /** Called with each change of the system before it is made, as wg-quick prints them. */
  readonly onStep?: (description: string) => void;
  /** Records what has to be undone if this process is killed. */
  readonly journal?: UndoJournal;
  /** The kill switch of a killed process is still closed: it stays when the bring-up fails. */
  readonly inheritsKillSwitch?: boolean;
  /**
   * On Windows, the SID of the service that runs this process: its kill switch identifies it by this.
   */
  readonly serviceSid?: string;
  /**
   * Makes the tunnel accessible, for example by a socket for wg(8), as soon as the device runs: before
   * the network is configured and PostUp runs. The returned function ends that, after PreDown.
   */
  readonly expose?: (source: StatusSource) => Promise<() => Promise<void> | void>;
  /**
   * For SaveConfig, which is ignored without it: saves the state of a tunnel that was up and is now
   * going down. Runs after PreDown, and before anything is taken down; a failure is only logged.
   */
  readonly save?: (source: StatusSource) => Promise<void>;
}

/** Lets other code read and change the tunnel, such as a socket for wg(8). */
export interface StatusSource {
  /** See `Tunnel.status`. */
  status(): TunnelStatus;
  /** See `Tunnel.readConfiguration`. */
  read(): UapiDevice;
  /** Like `Tunnel.configure`, but leaves routes unchanged, as wg(8) does. */
  change(change: DeviceChange): Promise<void>;
}
