/** Blocks all traffic outside the tunnel, from before its first packet until it is taken down. */

import type { KillSwitchSettings, NetConfig, NetStep } from '../../network/netconfig.js';
import { WgTsError } from '../../system/errors.js';
import { excludedNetworks } from '../config/exclude.js';
import type { Config } from '../config/model.js';
import type { Journal } from '../journal.js';
import type { Logger } from '../logger.js';
import type { UndoStack } from '../undo.js';

export interface KillSwitchContext {
  readonly undo: UndoStack;
  readonly journal: Journal;
  readonly logger: Logger;
  readonly logUndoError: (step: string, error: unknown) => void;
  readonly onStep?: (description: string) => void;
  /** A process that was killed left one behind: then it also stays after a failed bring-up. */
  readonly isInherited: boolean;
}

/**
 * The kill switch of a tunnel that is being brought up or is up. It is removed when the tunnel is taken
 * down, or when the bring-up fails and there was none before. It stays when the tunnel ends without
 * being closed, or the process is killed, until `wg-ts down`, or `wg-ts up`, which replaces it.
 *
 * The documentation of each system's kill switch lists the other traffic that it permits.
 */
export class KillSwitch {
  readonly #system: NetConfig;
  readonly #context: KillSwitchContext;
  #settings: KillSwitchSettings;
  #step: NetStep;
  #change: Promise<void> = Promise.resolve();
  #staysAfterwards: boolean;
  #hasEnded = false;

  private constructor(
    system: NetConfig,
    settings: KillSwitchSettings,
    context: KillSwitchContext,
    step: NetStep,
  ) {
    this.#system = system;
    this.#settings = settings;
    this.#context = context;
    this.#step = step;
    this.#staysAfterwards = context.isInherited;
  }

  /**
   * Resolves to undefined when none is wanted, or when the system sets it with the rest of its network.
   * Throws WgTsError ERR_UNSUPPORTED, and NetConfigError.
   */
  static async close(
    system: NetConfig | undefined,
    config: Config,
    { name, fwMark, nameServers }: Omit<KillSwitchSettings, 'excluded'>,
    context: KillSwitchContext,
  ): Promise<KillSwitch | undefined> {
    if (!system || !config.interface.killSwitch) return undefined;
    const excluded = excludedNetworks(config);
    if (!system.killSwitch) {
      if (excluded.length > 0)
        context.logger.warn('the kill switch of this system does not let ExcludedIPs pass');
      return undefined;
    }
    const settings = { name, fwMark, excluded, nameServers };
    const step = await stepOf(system, settings);
    const killSwitch = new KillSwitch(system, settings, context, step);
    context.journal.add(step.undo);
    context.undo.push(step.describe, () => killSwitch.#end());
    await killSwitch.#apply();
    return killSwitch;
  }

  /** Lets the tunnel's own queries pass to these name servers, instead of others. Throws NetConfigError. */
  async followNameServers(nameServers: readonly string[]): Promise<void> {
    const change = this.#change.then(async () => {
      if (this.#hasEnded || isSameList(nameServers, this.#settings.nameServers)) return;
      const settings = { ...this.#settings, nameServers };
      const step = await stepOf(this.#system, settings);
      await step.apply();
      this.#settings = settings;
      this.#step = step;
    });
    this.#change = change.catch(() => undefined);
    await change;
  }

  /** To be called when the tunnel is up. */
  tunnelIsUp(): void {
    this.#staysAfterwards = false;
  }

  /** To be called when the tunnel ends without being closed by its owner. */
  tunnelFailed(): void {
    this.#staysAfterwards = true;
  }

  async #apply(): Promise<void> {
    this.#context.onStep?.(`${this.#step.describe} (kill switch)`);
    await this.#step.apply();
  }

  async #end(): Promise<void> {
    this.#hasEnded = true;
    await this.#change;
    const { name } = this.#settings;
    const { logger, logUndoError } = this.#context;
    if (!this.#staysAfterwards) {
      const { describe, undo } = this.#step;
      await this.#system.undo(undo, (error) => logUndoError(describe, error));
      return;
    }
    logger.warn(`the kill switch stays: wg-ts down ${name} ends it, wg-ts up ${name} tries again`);
  }
}

async function stepOf(system: NetConfig, settings: KillSwitchSettings): Promise<NetStep> {
  const step = await system.killSwitch?.(settings);
  if (step) return step;
  throw new WgTsError('ERR_UNSUPPORTED', 'the kill switch needs nft, which is not installed', {
    hint: 'install nftables, or bring the tunnel up without KillSwitch',
  });
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, index) => one === b[index]);
}
