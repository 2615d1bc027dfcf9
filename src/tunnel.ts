import { type BringUp, bringUp, type TunnelOptions } from './bringup.js';
import type { Config } from './config/model.js';
import { statusOf, type TunnelStatus } from './status.js';
import type { UapiChange } from './uapi/change.js';
import type { UapiDevice } from './uapi/codec.js';
import type { UndoStack } from './undo.js';

export type { StatusSource, TunnelOptions } from './bringup.js';
export type { UndoJournal } from './journal.js';
export type { PeerStatus, TunnelStatus } from './status.js';

/** A WireGuard interface that is up. */
export class Tunnel {
  readonly name: string;
  /** What it was brought up with; the secrets in it are the caller's. */
  readonly config: Config;
  /**
   * Settled when the tunnel is down and everything is undone: with the error that ended it, or
   * undefined after `down`. Never rejects.
   */
  readonly closed: Promise<Error | undefined>;
  readonly #parts: BringUp;
  readonly #undo: UndoStack;
  #settle!: (reason: Error | undefined) => void;
  #downing: Promise<void> | undefined;

  private constructor(config: Config, name: string, parts: BringUp, undo: UndoStack) {
    this.name = name;
    this.config = config;
    this.#parts = parts;
    this.#undo = undo;
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /**
   * Brings a tunnel up: makes the interface, opens the sockets, configures addresses, routes and
   * DNS. When a step fails, everything done so far is undone before the error is thrown: WgTsError,
   * TunError, NetConfigError or UdpError, each with a `code`.
   */
  static async up(config: Config, options: TunnelOptions): Promise<Tunnel> {
    let tunnel: Tunnel | undefined;
    let failedEarly: Error | undefined;
    const { parts, undo } = await bringUp(config, options, (error) => {
      if (tunnel) tunnel.#end(error);
      else failedEarly = error;
    });
    tunnel = new Tunnel(config, options.name, parts, undo);
    if (failedEarly) tunnel.#end(failedEarly);
    return tunnel;
  }

  status(): TunnelStatus {
    return statusOf(this.name, this.#parts);
  }

  /**
   * The configuration as it is now. The secrets in it are the tunnel's own: use them at once, and do
   * not zero them.
   */
  readConfiguration(): UapiDevice {
    return this.#parts.live.read();
  }

  /**
   * As `wg set`: what is left out stays as it is, and sessions of peers that stay go on. A change that
   * is refused changes nothing. Its secrets stay the caller's. Throws ChangeError ERR_CHANGE.
   */
  configure(change: UapiChange): Promise<void> {
    return this.#parts.live.change(change);
  }

  /** Undoes everything that `up` did, last first. Idempotent; never rejects: failures are logged. */
  down(): Promise<void> {
    this.#downing ??= this.#takeDown(undefined);
    return this.#downing;
  }

  #end(reason: Error): void {
    this.#parts.logger.error(reason.message);
    if (!this.#downing) this.#parts.killSwitch?.tunnelFailed();
    this.#downing ??= this.#takeDown(reason);
  }

  async #takeDown(reason: Error | undefined): Promise<void> {
    await this.#undo.unwind(this.#parts.logUndoError);
    this.#settle(reason);
  }
}
