import type { Command } from '../../system/commands.js';
import {
  commandText,
  queryJson,
  type Runner,
  realSystem,
  type System,
} from '../../system/commands.js';
import { FAMILIES, type Family, familyFlag } from '../family.js';
import type {
  InterfaceSettings,
  KillSwitchSettings,
  NameServers,
  NetConfig,
  NetPlan,
  NetStep,
} from '../netconfig.js';
import { failure, runOrThrow } from './commands.js';
import { findDnsManager } from './dns.js';
import { readNameServers, type TunnelDns } from './dnsservers.js';
import type { Firewall } from './firewall.js';
import { planKillSwitch } from './killswitch.js';
import { planRoute, planSteps, type SystemFacts } from './plan.js';
import { removeCommand, withResolvConf } from './resolvconf/command.js';
import { type KeptFile, keepResolvConf } from './resolvconf/keep.js';
import type { ResolvConfPaths } from './resolvconf/record.js';
import { ResolvConf } from './resolvconf/resolvconf.js';
import type { PlannedStep } from './step.js';
import { refuseTakenRoutes } from './takenroutes.js';
import { readValidMark, withValidMark } from './validmark.js';

/** wg-quick(8)'s first table and mark. */
const FIRST_TABLE = 51_820;

/** Messages of programs about something that does not exist (any more). */
const ALREADY_GONE =
  /No such file or directory|No such process|No such device|Cannot find device|does not exist|Bad rule|No chain\/target\/match/;

interface RouteRow {
  readonly gateway?: string;
  readonly via?: unknown;
  readonly dev?: string;
  readonly metrics?: readonly { readonly mtu?: number }[];
}
interface LinkRow {
  readonly ifname?: string;
  readonly mtu?: number;
  readonly addr_info?: readonly { readonly local?: string }[];
}
interface RuleRow {
  readonly priority?: number;
  readonly table?: string;
  readonly fwmark?: string;
}

/**
 * Configures the network by iproute2, systemd-resolved or resolvconf or /etc/resolv.conf, and nftables or
 * iptables. `system` and `resolvConf` replace parts of the machine, for tests.
 */
export function linuxNetConfig(
  system: Partial<System> = {},
  resolvConf?: ResolvConfPaths,
): NetConfig {
  return new LinuxNetConfig({ ...realSystem, ...system }, resolvConf);
}

class LinuxNetConfig implements NetConfig {
  readonly leavesOut = true;
  readonly #system: System;
  readonly #resolvConf: ResolvConf;
  readonly #run: Runner;

  constructor(system: System, resolvConf: ResolvConfPaths | undefined) {
    this.#system = system;
    this.#resolvConf = new ResolvConf(system.run, resolvConf);
    this.#run = withValidMark(withResolvConf(system.run, this.#resolvConf), system.write);
  }

  async mtuTowards(address: string): Promise<number | undefined> {
    const [ip = '', zone] = address.split('%');
    const toZone = zone === undefined ? [] : ['dev', zone];
    const route = await this.#query<RouteRow>('route', 'get', ip, ...toZone);
    const ofRoute = route[0]?.metrics?.find((metric) => metric.mtu !== undefined)?.mtu;
    if (ofRoute !== undefined) return ofRoute;
    const dev = route[0]?.dev;
    if (dev === undefined) return undefined;
    const links = await this.#query<LinkRow>('link', 'show', 'dev', dev);
    return links[0]?.mtu;
  }

  async freeTable(): Promise<number> {
    const used = new Set<number>();
    for (const family of FAMILIES)
      for (const rule of await this.#rules(family)) {
        used.add(Number(rule.table));
        used.add(Number.parseInt(rule.fwmark ?? '', 16));
      }
    let table = FIRST_TABLE;
    while (used.has(table) || (await this.#hasRoutes(table))) table++;
    return table;
  }

  async killSwitch(settings: KillSwitchSettings): Promise<NetStep | undefined> {
    if (!(await this.#system.find('nft'))) return undefined;
    return this.#executable(planKillSwitch(settings));
  }

  nameServers(tunnel?: TunnelDns): Promise<NameServers> {
    return readNameServers(this.#system, tunnel);
  }

  async plan(settings: InterfaceSettings): Promise<NetPlan> {
    await refuseTakenRoutes(this.#system.run, settings);
    const { steps, warnings } = planSteps(settings, await this.#facts(settings));
    return { steps: steps.map((planned) => this.#executable(planned)), warnings };
  }

  async routeStep(settings: InterfaceSettings, route: string): Promise<NetStep | undefined> {
    await refuseTakenRoutes(this.#system.run, { ...settings, routes: [route] });
    const planned = planRoute(settings, route, await this.#hasIpv6(settings.name));
    return planned && this.#executable(planned);
  }

  async setMtu({ name }: Pick<InterfaceSettings, 'name'>, mtu: number): Promise<void> {
    const argv = ['ip', 'link', 'set', 'dev', name, 'mtu', String(mtu)];
    await runOrThrow(this.#system.run, { argv });
  }

  async undo(commands: readonly Command[], onError: (error: Error) => void): Promise<void> {
    for (const command of commands.toReversed()) {
      const result = await this.#run(command);
      if (result.status !== 0 && !ALREADY_GONE.test(result.stderr))
        onError(failure(command, result));
    }
  }

  keepDns(
    { name, dnsServers, dnsSearch }: InterfaceSettings,
    onWarning: (message: string) => void,
  ): KeptFile {
    const entry = { name, servers: dnsServers, search: dnsSearch };
    return keepResolvConf(this.#resolvConf, entry, onWarning);
  }

  async leftBehind(name?: string): Promise<readonly Command[]> {
    return (await this.#resolvConf.left(name)).map(removeCommand);
  }

  #executable({ command, undo }: PlannedStep): NetStep {
    return {
      describe: commandText(command),
      undo,
      apply: async () => {
        await runOrThrow(this.#run, command);
      },
    };
  }

  async #facts(settings: InterfaceSettings): Promise<SystemFacts> {
    const wantsDefaultRoute = settings.routes.some((route) => route.endsWith('/0'));
    const dns =
      settings.dnsServers.length > 0
        ? await findDnsManager(this.#system, this.#resolvConf)
        : undefined;
    const servers = [...settings.dnsServers, ...(dns?.type === 'none' ? dns.fixed.servers : [])];
    const links = this.#query<LinkRow>('address');
    const [rows, ipv6, rules4, rules6, validMark, firewall, localDns] = await Promise.all([
      links,
      this.#hasIpv6(settings.name),
      wantsDefaultRoute ? this.#priorities(4) : [],
      wantsDefaultRoute ? this.#priorities(6) : [],
      wantsDefaultRoute
        ? links.then((all) => readValidMark(this.#system, withAddresses(all)))
        : { isOn: true, strict: [] },
      wantsDefaultRoute ? this.#firewall() : undefined,
      wantsDefaultRoute || settings.killSwitch ? this.#onLink(servers) : [],
    ]);
    const rules = { 4: rules4, 6: rules6 };
    return { addresses: addressesOf(rows), ipv6, rules, validMark, firewall, dns, localDns };
  }

  /** Returns the addresses that are reached without a router, before the tunnel exists. */
  async #onLink(addresses: readonly string[]): Promise<string[]> {
    const found: string[] = [];
    for (const address of addresses) {
      const [ip = '', zone] = address.split('%');
      const [route] = await this.#query<RouteRow>('route', 'get', ip);
      const isDirect = route?.dev !== undefined && !route.gateway && !route.via;
      if (zone !== undefined || (isDirect && route.dev !== 'lo')) found.push(ip);
    }
    return found;
  }

  /** An interface that does not exist yet will inherit the default's setting. */
  async #hasIpv6(name: string): Promise<boolean> {
    const path = (which: string): string => `/proc/sys/net/ipv6/conf/${which}/disable_ipv6`;
    const disabled =
      (await this.#system.read(path(name))) ?? (await this.#system.read(path('default')));
    return disabled?.trim() === '0';
  }

  async #firewall(): Promise<Firewall | undefined> {
    if (await this.#system.find('nft')) return 'nft';
    if (await this.#system.find('iptables')) return 'iptables';
    return undefined;
  }

  async #priorities(family: Family): Promise<number[]> {
    const rules = await this.#rules(family);
    return rules.flatMap(({ priority }) => (priority === undefined ? [] : [priority]));
  }

  #rules(family: Family): Promise<RuleRow[]> {
    return this.#query<RuleRow>(familyFlag(family), 'rule');
  }

  async #hasRoutes(table: number): Promise<boolean> {
    for (const family of FAMILIES) {
      const argv = [familyFlag(family), 'route', 'show', 'table', String(table)];
      if ((await this.#query<RouteRow>(...argv)).length > 0) return true;
    }
    return false;
  }

  #query<Row>(...args: string[]): Promise<Row[]> {
    return queryJson<Row>(this.#system.run, ['ip', '-json', ...args]);
  }
}

/** Returns the names of links that have addresses: only those have replies to drop. */
function withAddresses(links: readonly LinkRow[]): string[] {
  return links.flatMap(({ ifname, addr_info = [] }) =>
    ifname !== undefined && addr_info.length > 0 ? [ifname] : [],
  );
}

/** Returns the interface that has each address. */
function addressesOf(links: readonly LinkRow[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const link of links)
    for (const { local } of link.addr_info ?? [])
      if (local !== undefined && link.ifname !== undefined) found.set(local, link.ifname);
  return found;
}
