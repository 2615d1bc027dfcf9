/** How the names of a tunnel's endpoints are looked up. */
import type { NameServers, NetConfig } from '../../network/netconfig.js';
import type { Clock } from '../../system/clock.js';
import { messageOf } from '../../system/errors.js';
import { type Config, endpointsOf } from '../config/model.js';
import { isLiteral, type Resolver, systemResolver } from '../control/endpoints/resolve.js';
import type { Logger } from '../logger.js';
import type { PastTunnelResolver } from '../names/resolver.js';
import type { KillSwitch } from './killswitch.js';

export interface TunnelNamesOptions {
  /** The program's own resolver, which is used instead of all others. */
  readonly resolver: Resolver | undefined;
  /** Undefined for a tunnel that does not use the network of the machine. */
  readonly system: NetConfig | undefined;
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Before a tunnel is up, its endpoints are looked up by the system's resolver. From then on, and behind a
 * closed kill switch, that could only ask through the tunnel, so the name servers that the machine has
 * without the tunnel are asked past it.
 */
export class TunnelNames {
  /** For the endpoints of the tunnel, before and while it is up. */
  readonly resolver: Resolver;
  readonly #options: TunnelNamesOptions;
  #known: NameServers;
  #killSwitch: KillSwitch | undefined;
  #isUp = false;
  #mark: () => number = () => 0;
  #pastTunnel: Promise<PastTunnelResolver> | undefined;

  private constructor(options: TunnelNamesOptions, before: NameServers) {
    this.#options = options;
    this.#known = before;
    const { resolver, system } = options;
    const own = system?.nameServers ? (host: string) => this.#resolve(host) : systemResolver;
    this.resolver = resolver ?? own;
  }

  /** To be called before the machine's network is changed. */
  static async open(options: TunnelNamesOptions): Promise<TunnelNames> {
    const before = await options.system?.nameServers?.();
    return new TunnelNames(options, before ?? { servers: [], search: [], ndots: 1 });
  }

  /** The name servers that a kill switch has to let the tunnel's own queries pass to. */
  get permitted(): readonly string[] {
    const { resolver, config } = this.#options;
    const hasNames = config.peers.flatMap(endpointsOf).some((endpoint) => !isLiteral(endpoint));
    return hasNames && !resolver ? this.#known.servers : [];
  }

  /** The kill switch is closed. */
  behind(killSwitch: KillSwitch | undefined, mark: number): void {
    this.#killSwitch = killSwitch;
    this.#mark = () => mark;
  }

  /** The machine's network is about to lead into the tunnel. `fwMark` is that of its packets by then. */
  tunnelComesUp(parts: { readonly fwMark: number }): void {
    this.#isUp = true;
    // That of the kill switch does not change.
    if (!this.#killSwitch) this.#mark = () => parts.fwMark;
  }

  async #resolve(host: string): Promise<readonly string[]> {
    if (!this.#isUp && !this.#killSwitch) return await systemResolver(host);
    this.#pastTunnel ??= this.#load();
    return await (await this.#pastTunnel).resolve(host);
  }

  async #load(): Promise<PastTunnelResolver> {
    const { PastTunnelResolver } = await import('../names/resolver.js');
    return new PastTunnelResolver({
      nameServers: () => this.#nameServers(),
      mark: () => this.#mark(),
      systemResolver,
      clock: this.#options.clock,
    });
  }

  /**
   * The servers change with the network. Where only those of the tunnel are left in the files, they have
   * taken the place of the machine's, which are then kept from before.
   */
  async #nameServers(): Promise<NameServers> {
    const { system, config, logger } = this.#options;
    const { dnsServers: servers, dnsSearch: search } = config.interface;
    const now = this.#isUp ? await system?.nameServers?.({ servers, search }) : undefined;
    if (now && now.servers.length > 0) this.#known = now;
    try {
      await this.#killSwitch?.followNameServers(this.#known.servers);
    } catch (error) {
      // Only queries over TCP are affected.
      logger.debug(`the kill switch does not follow the name servers: ${messageOf(error)}`);
    }
    return this.#known;
  }
}
