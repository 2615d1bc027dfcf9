/** Keeps the routes into a tunnel as its peers' AllowedIPs are, while it is up. */

import type { InterfaceSettings, NetConfig, NetStep } from '../../network/netconfig.js';
import { networkOf } from '../../protocol/ip.js';
import type { WgTsError } from '../../system/errors.js';
import { messageOf } from '../../system/errors.js';
import type { Logger } from '../logger.js';
import type { UapiChange } from '../uapi/change.js';
import { restartNeeded } from './configchange.js';

export class LiveRoutes {
  readonly #system: NetConfig;
  readonly #settings: InterfaceSettings;
  readonly #logger: Logger;
  /** Of the bring-up and of later changes; undefined for one that has no step of its own. */
  readonly #routes = new Map<string, NetStep | undefined>();

  constructor(system: NetConfig, settings: InterfaceSettings, logger: Logger) {
    this.#system = system;
    this.#settings = settings;
    this.#logger = logger;
    for (const route of settings.routes) this.#routes.set(route, undefined);
  }

  /**
   * Makes the routes that `change` will need; answers what takes them back. Throws NetConfigError, and
   * WgTsError ERR_RESTART_NEEDED for a default route, which changes more than a route.
   */
  async prepare({ peers }: UapiChange): Promise<() => Promise<void>> {
    if (this.#settings.table === 'off') return async () => undefined;
    const wanted = peers.flatMap(({ allowedIps = [] }) => allowedIps.map(networkOf));
    const missing = [...new Set(wanted)].filter(
      (route) => !this.#routes.has(route) && !this.#isPartOfWhole(route),
    );
    const whole = missing.find((route) => route.endsWith('/0'));
    if (whole !== undefined) throw cannotRoute(whole);
    if (missing.length > 0 && !this.#system.routeStep) throw cannotRoute(missing.join(', '));
    const added: string[] = [];
    const takeBack = async (): Promise<void> => {
      for (const route of added.reverse()) await this.#remove(route);
    };
    try {
      for (const route of missing) {
        const step = await this.#system.routeStep?.(this.#settings, route);
        await step?.apply();
        this.#routes.set(route, step);
        added.push(route);
      }
    } catch (error) {
      await takeBack();
      throw error;
    }
    return takeBack;
  }

  /** With ExcludedIPs a default route stands for all that is left of it. */
  #isPartOfWhole(route: string): boolean {
    const { routes, excluded = [] } = this.#settings;
    const whole = route.includes(':') ? '::/0' : '0.0.0.0/0';
    return excluded.length > 0 && routes.includes(whole);
  }

  /** The others go. What cannot be removed is told, and no more. */
  async keepOnly(allowedIps: readonly string[]): Promise<void> {
    const kept = new Set(allowedIps.map(networkOf));
    for (const route of [...this.#routes.keys()])
      if (!kept.has(route) && !route.endsWith('/0')) await this.#remove(route);
  }

  async #remove(route: string): Promise<void> {
    const step = this.#routes.get(route) ?? (await this.#stepOf(route));
    this.#routes.delete(route);
    if (!step) return;
    const onError = (error: unknown): void =>
      this.#logger.warn(`cannot remove the route to ${route}: ${messageOf(error)}`);
    try {
      step.revert?.();
    } catch (error) {
      onError(error);
    }
    await this.#system.undo(step.undo, onError);
  }

  /** Of a route that the bring-up has made. */
  async #stepOf(route: string): Promise<NetStep | undefined> {
    try {
      return await this.#system.routeStep?.(this.#settings, route);
    } catch {
      // Another interface has the same one by now: then it is not ours to remove.
      return undefined;
    }
  }
}

function cannotRoute(routes: string): WgTsError {
  return restartNeeded(`${routes} cannot be routed into a tunnel that is up already`);
}
