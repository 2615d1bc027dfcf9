/** Keeps the routes into a tunnel in line with its peers' AllowedIPs while it is up. */
import type { InterfaceSettings, NetConfig, NetStep } from '../../network/netconfig.js';
import {
  formatPrefix,
  type IpPrefix,
  maskPrefix,
  networkId,
  parsePrefix,
} from '../../protocol/ip.js';
import { messageOf, type WgTsError } from '../../system/errors.js';
import type { Logger } from '../logger.js';
import type { DeviceChange } from '../uapi/change.js';
import { restartNeeded } from './configchange.js';

interface Route {
  /** In the form that `NetConfig` takes. */
  readonly network: string;
  /** Undefined for a route that has no step of its own. */
  readonly step: NetStep | undefined;
}

export class LiveRoutes {
  readonly #system: NetConfig;
  readonly #settings: InterfaceSettings;
  readonly #logger: Logger;
  /** Routes of the bring-up and of later changes, by their `networkId`. */
  readonly #routes = new Map<string, Route>();

  constructor(system: NetConfig, settings: InterfaceSettings, logger: Logger) {
    this.#system = system;
    this.#settings = settings;
    this.#logger = logger;
    for (const network of settings.routes) {
      const prefix = parsePrefix(network);
      if (prefix) this.#routes.set(networkId(prefix), { network, step: undefined });
    }
  }

  /**
   * Adds the routes that `change` will need. Returns a function that removes them again. Throws
   * NetConfigError, and WgTsError ERR_RESTART_NEEDED for a default route, which changes more than a
   * route.
   */
  async prepare({ peers }: DeviceChange): Promise<() => Promise<void>> {
    if (this.#settings.table === 'off') return async () => undefined;
    const missing = this.#missing(peers.flatMap(({ allowedIps = [] }) => allowedIps));
    const networks = [...missing.values()];
    const whole = networks.find((network) => network.endsWith('/0'));
    if (whole !== undefined) throw cannotRoute(whole);
    if (missing.size > 0 && !this.#system.routeStep) throw cannotRoute(networks.join(', '));
    const added: string[] = [];
    const takeBack = async (): Promise<void> => {
      for (const id of added.reverse()) await this.#remove(id);
    };
    try {
      for (const [id, network] of missing) {
        const step = await this.#system.routeStep?.(this.#settings, network);
        await step?.apply();
        this.#routes.set(id, { network, step });
        added.push(id);
      }
    } catch (error) {
      await takeBack();
      throw error;
    }
    return takeBack;
  }

  /** Removes all other routes. A failure is only logged. */
  async keepOnly(allowedIps: readonly IpPrefix[]): Promise<void> {
    const kept = new Set(allowedIps.map(networkId));
    for (const [id, { network }] of [...this.#routes])
      if (!kept.has(id) && !network.endsWith('/0')) await this.#remove(id);
  }

  /** Returns the missing networks as text, by their `networkId`. */
  #missing(allowedIps: readonly IpPrefix[]): Map<string, string> {
    const missing = new Map<string, string>();
    for (const prefix of allowedIps) {
      const id = networkId(prefix);
      if (this.#routes.has(id) || missing.has(id) || this.#isPartOfWhole(prefix)) continue;
      missing.set(id, formatPrefix(maskPrefix(prefix)));
    }
    return missing;
  }

  /** With ExcludedIPs, a default route covers everything that is left of it. */
  #isPartOfWhole({ address }: IpPrefix): boolean {
    const { excluded = [] } = this.#settings;
    return excluded.length > 0 && this.#routes.has(networkId({ address, length: 0 }));
  }

  async #remove(id: string): Promise<void> {
    const route = this.#routes.get(id);
    if (!route) return;
    const { network } = route;
    const step = route.step ?? (await this.#stepOf(network));
    this.#routes.delete(id);
    if (!step) return;
    const onError = (error: unknown): void =>
      this.#logger.warn(`cannot remove the route to ${network}: ${messageOf(error)}`);
    try {
      step.revert?.();
    } catch (error) {
      onError(error);
    }
    await this.#system.undo(step.undo, onError);
  }

  /** Returns the step of a route that the bring-up has added. */
  async #stepOf(network: string): Promise<NetStep | undefined> {
    try {
      return await this.#system.routeStep?.(this.#settings, network);
    } catch {
      // Another interface has the same route by now: then it must not be removed.
      return undefined;
    }
  }
}

function cannotRoute(routes: string): WgTsError {
  return restartNeeded(`${routes} cannot be routed into a tunnel that is already up`);
}
