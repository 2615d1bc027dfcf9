import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from '../../system/commands.js';
import { messageOf } from '../../system/errors.js';
import { WindowsCallError } from '../../system/windows/callerror.js';
import { NetConfigError } from '../errors.js';
import { FAMILIES, type Family, familyOf } from '../family.js';
import type {
  InterfaceSettings,
  NetConfig,
  NetListener,
  NetPlan,
  NetStep,
  NetWatch,
} from '../netconfig.js';
import { bestRoute } from './choose.js';
import { RESET_DNS, resetDns } from './dns.js';
import { KillSwitch } from './firewall.js';
import { IpHelper } from './iphelper.js';
import { familyMtu, type HeldAddress, type NetworkFacts, planChanges } from './plan.js';
import { commandText, type ProgramRunner, runProgram } from './programs.js';
import { takeSnapshot } from './snapshot.js';
import { DELETE_HOST_ROUTES, deleteHostRoutes, executable, type StepContext } from './steps.js';
import { RouteWatch } from './watch.js';

export interface WindowsNetConfigOptions {
  /**
   * SID of the service that runs this process (`S-1-5-80-...`), by which the kill switch identifies it.
   */
  readonly serviceSid?: string | undefined;
  /** Called with one line about a setting that could not be maintained while the tunnel runs. */
  readonly onWarning?: (message: string) => void;
  /** Runs netsh, and hooks that are undone; replaced in tests. */
  readonly run?: ProgramRunner;
  /** How long to wait for a new interface to support IP. */
  readonly interfaceTimeoutMs?: number;
}

const INTERFACE_TIMEOUT_MS = 10_000;
/** IPv6 is available together with IPv4, or not at all. */
const SECOND_FAMILY_TIMEOUT_MS = 2_000;
const POLL_MS = 50;

/** Configures the network by iphlpapi.dll, and the kill switch by fwpuclnt.dll. */
export function windowsNetConfig(options: WindowsNetConfigOptions = {}): NetConfig {
  return new WindowsNetConfig(options);
}

class WindowsNetConfig implements NetConfig {
  readonly #options: WindowsNetConfigOptions;
  readonly #run: ProgramRunner;
  /** The kill switches of planned tunnels. */
  readonly #killSwitches = new Map<bigint, KillSwitch>();
  #helper: IpHelper | undefined;

  constructor(options: WindowsNetConfigOptions) {
    this.#options = options;
    this.#run = options.run ?? runProgram;
  }

  async mtuTowards(address: string): Promise<number | undefined> {
    if (address.includes('%')) return undefined;
    try {
      const snapshot = takeSnapshot(this.#ipHelper);
      const route = bestRoute(snapshot, address, ({ luid }) => this.#killSwitches.has(luid));
      return route && snapshot.way(route.luid, familyOf(address))?.mtu;
    } catch (error) {
      if (error instanceof WindowsCallError) return undefined;
      throw error;
    }
  }

  /** Windows has a single routing table, and no marks. */
  async freeTable(): Promise<number> {
    return 0;
  }

  async plan(settings: InterfaceSettings): Promise<NetPlan> {
    try {
      return await this.#plan(settings);
    } catch (error) {
      throw asNetConfigError(error, `netsh interface show interface "${settings.name}"`);
    }
  }

  async #plan(settings: InterfaceSettings): Promise<NetPlan> {
    const luid = this.#luidOf(settings);
    const facts = await this.#facts(settings, luid);
    const { changes, warnings } = planChanges(settings, facts);
    const context = this.#context(settings, luid, this.#newKillSwitch(settings, luid));
    return { steps: changes.map((change) => executable(change, context)), warnings };
  }

  async routeStep(settings: InterfaceSettings, route: string): Promise<NetStep | undefined> {
    const luid = this.#luidOf(settings);
    const facts = await this.#facts(settings, luid);
    const { changes } = planChanges({ ...settings, routes: [route] }, facts);
    const change = changes.find(({ kind }) => kind === 'route');
    const killSwitch = this.#killSwitches.get(luid) ?? this.#newKillSwitch(settings, luid);
    return change && executable(change, this.#context(settings, luid, killSwitch));
  }

  async setMtu(settings: Pick<InterfaceSettings, 'name' | 'luid'>, mtu: number): Promise<void> {
    const helper = this.#ipHelper;
    try {
      const luid = this.#luidOf(settings);
      const spoken = FAMILIES.filter((family) => helper.ipInterface(luid, family));
      // With neither family the interface is gone: this makes the call report it.
      for (const family of spoken.length > 0 ? spoken : FAMILIES)
        helper.changeIpInterface(luid, family, { mtu: familyMtu(family, mtu) });
    } catch (error) {
      throw asNetConfigError(
        error,
        `netsh interface set subinterface "${settings.name}" mtu=${mtu}`,
      );
    }
  }

  #context(settings: InterfaceSettings, luid: bigint, killSwitch: KillSwitch): StepContext {
    const helper = this.#ipHelper;
    return { helper, run: this.#run, settings, luid, guid: helper.guidOf(luid), killSwitch };
  }

  async undo(commands: readonly Command[], onError: (error: Error) => void): Promise<void> {
    for (const command of commands.toReversed()) {
      try {
        await this.#undoOne(command);
      } catch (error) {
        const reason = messageOf(error);
        const known = error instanceof NetConfigError;
        onError(
          known
            ? error
            : new NetConfigError('ERR_NETCONFIG', commandText(command), reason, { cause: error }),
        );
      }
    }
  }

  watch(
    settings: InterfaceSettings,
    options: { readonly bindsSockets: boolean; readonly followMtu: boolean },
    listener: NetListener,
  ): NetWatch {
    const luid = this.#luidOf(settings);
    return new RouteWatch({
      helper: this.#ipHelper,
      settings,
      luid,
      options,
      listener,
      killSwitch: this.#killSwitches.get(luid) ?? this.#newKillSwitch(settings, luid),
      onWarning: this.#options.onWarning ?? ((message) => process.emitWarning(message)),
    });
  }

  get #ipHelper(): IpHelper {
    this.#helper ??= new IpHelper();
    return this.#helper;
  }

  async #undoOne(command: Command): Promise<void> {
    const [program, ...args] = command.argv;
    if (program === RESET_DNS) await resetDns(this.#ipHelper, this.#run, args);
    else if (program === DELETE_HOST_ROUTES) deleteHostRoutes(this.#ipHelper, args);
    else await this.#run(command);
  }

  #luidOf({ name, luid }: Pick<InterfaceSettings, 'name' | 'luid'>): bigint {
    return luid ?? this.#ipHelper.luidOfAlias(name);
  }

  #newKillSwitch(settings: InterfaceSettings, luid: bigint): KillSwitch {
    const { dnsServers, endpoints, listenPort } = settings;
    const { serviceSid } = this.#options;
    const fresh = new KillSwitch({ luid, dnsServers, endpoints, listenPort, serviceSid });
    this.#killSwitches.set(luid, fresh);
    return fresh;
  }

  async #facts(settings: InterfaceSettings, luid: bigint): Promise<NetworkFacts> {
    const helper = this.#ipHelper;
    const families = await this.#familiesOf(settings, luid);
    const addresses = helper.addresses().map((row): HeldAddress => {
      const holder = helper.interface(row.luid);
      return {
        ...row,
        alias: holder?.alias ?? `0x${row.luid.toString(16)}`,
        isUp: holder?.isUp ?? false,
      };
    });
    return { luid, families, addresses, routes: helper.routes(), takesSearch: helper.setsDns };
  }

  /** A new interface supports IP a little later than it exists. */
  async #familiesOf({ name, addresses }: InterfaceSettings, luid: bigint): Promise<Family[]> {
    const wanted = FAMILIES.filter((family) =>
      addresses.some((address) => familyOf(address) === family),
    );
    const needed: readonly Family[] = wanted.length > 0 ? wanted : [4];
    const speaks = (family: Family): boolean =>
      this.#ipHelper.ipInterface(luid, family) !== undefined;
    const timeout = this.#options.interfaceTimeoutMs ?? INTERFACE_TIMEOUT_MS;
    const isThere = await until(() => needed.some(speaks), timeout);
    if (!isThere)
      throw new NetConfigError(
        'ERR_NETCONFIG',
        `netsh interface ipv${needed[0] ?? 4} show interfaces`,
        `interface "${name}" has no IP after ${timeout / 1000} s; enable IPv4 in its properties, or bring the tunnel up again`,
      );
    await until(() => needed.every(speaks), Math.min(timeout, SECOND_FAMILY_TIMEOUT_MS));
    return needed.filter(speaks);
  }
}

/** `command` is the command that would do the same. */
function asNetConfigError(error: unknown, command: string): unknown {
  if (!(error instanceof WindowsCallError)) return error;
  return new NetConfigError('ERR_NETCONFIG', command, error.message, { cause: error });
}

async function until(isTrue: () => boolean, milliseconds: number): Promise<boolean> {
  for (let left = milliseconds; !isTrue(); left -= POLL_MS) {
    if (left <= 0) return false;
    await sleep(POLL_MS);
  }
  return true;
}
