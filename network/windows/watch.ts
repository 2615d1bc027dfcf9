/** Keeps the tunnel's own packets out of the tunnel while the machine's routes change. */
import type { Endpoint } from '../../protocol/dataplane.js';
import { messageOf } from '../../system/errors.js';
import { isCallError } from '../../system/windows/callerror.js';
import { Win32Error } from '../../system/windows/win32.js';
import { FAMILIES, type Family } from '../family.js';
import type { InterfaceSettings, NetListener, NetWatch } from '../netconfig.js';
import { ChangeSignal } from './changes.js';
import { type Choice, choose } from './choose.js';
import type { KillSwitch } from './firewall.js';
import type { IpHelper } from './iphelper.js';
import { tunnelNetworks } from './plan.js';
import { type RouteKey, routeId } from './rows.js';
import { takeSnapshot } from './snapshot.js';
import { unlessGone } from './steps.js';

/** Index of Windows' loopback interface. */
const LOOPBACK_INDEX = 1;
/** How often to check for changes; two quiet rounds end a burst of changes. */
const ROUND_MS = 200;
/** A longer burst is not waited for. */
const MOST_ROUNDS = 5;
/** Changes without a notification are noticed after this many rounds; fewer without notifications. */
const LOOK_ANYWAY_ROUNDS = 50;
const LOOK_UNTOLD_ROUNDS = 10;

export interface WatchContext {
  readonly helper: IpHelper;
  readonly settings: InterfaceSettings;
  readonly luid: bigint;
  readonly options: { readonly bindsSockets: boolean; readonly followMtu: boolean };
  readonly listener: NetListener;
  readonly killSwitch: KillSwitch;
  readonly onWarning: (message: string) => void;
}

export class RouteWatch implements NetWatch {
  readonly #context: WatchContext;
  readonly #signal: ChangeSignal | undefined;
  readonly #families: readonly Family[];
  readonly #timer: NodeJS.Timeout;
  readonly #hostRoutes = new Map<string, RouteKey>();
  readonly #bound = new Map<Family, number | undefined>();
  readonly #mtu = new Map<Family, number>();
  readonly #warned = new Set<string>();
  #endpoints: readonly Endpoint[];
  #told: number;
  #roundsDirty = 0;
  #roundsIdle = 0;
  #isClosed = false;

  constructor(context: WatchContext) {
    this.#context = context;
    const { helper, luid, settings } = context;
    this.#endpoints = settings.endpoints;
    this.#told = settings.mtu;
    this.#families = FAMILIES.filter((family) => helper.ipInterface(luid, family));
    this.#signal = this.#attempt('watch for changes of routes', () => new ChangeSignal(helper));
    this.#evaluate();
    this.#timer = setInterval(() => this.#round(), ROUND_MS);
    // The tunnel is kept alive by its sockets and its interface.
    this.#timer.unref();
  }

  setEndpoints(endpoints: readonly Endpoint[]): void {
    if (this.#isClosed) return;
    this.#endpoints = endpoints;
    this.#attempt('let packets to the peers pass', () =>
      this.#context.killSwitch.setEndpoints(endpoints),
    );
    this.#evaluate();
  }

  setListenPort(port: number): void {
    if (this.#isClosed) return;
    this.#attempt('let packets from another port pass', () =>
      this.#context.killSwitch.setListenPort(port),
    );
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#attempt('stop watching routes', () => this.#signal?.close());
    for (const route of this.#hostRoutes.values()) this.#removeHostRoute(route);
  }

  #round(): void {
    this.#roundsIdle++;
    const hasChanged = this.#signal?.take() ?? false;
    if (hasChanged || this.#roundsDirty > 0) this.#roundsDirty++;
    const isSettled = this.#roundsDirty > 1 && !hasChanged;
    const patience = this.#signal ? LOOK_ANYWAY_ROUNDS : LOOK_UNTOLD_ROUNDS;
    const isDue = this.#roundsDirty >= MOST_ROUNDS || this.#roundsIdle >= patience;
    if (isSettled || isDue) this.#evaluate();
  }

  #evaluate(): void {
    this.#roundsDirty = 0;
    this.#roundsIdle = 0;
    const choice = this.#attempt('read the routes', () => this.#choose());
    if (!choice) return;
    // Before the sockets are rebound: their next packets must not enter the tunnel.
    if (!this.#context.options.bindsSockets) this.#keepHostRoutes(choice.hostRoutes);
    for (const family of FAMILIES) this.#bind(family, choice.bind[family]);
    if (this.#context.options.followMtu && choice.mtu) this.#followMtu(choice.mtu);
  }

  #choose(): Choice {
    const { helper, luid, settings } = this.#context;
    // A link-local endpoint names its interface, and no default route leads there.
    const endpoints = this.#endpoints
      .map(({ address }) => address)
      .filter((address) => !address.includes('%'));
    const tunnel = { luid, networks: tunnelNetworks(settings) };
    const own = [...this.#hostRoutes.values()];
    const blackhole = helper.luidOfIndex(LOOPBACK_INDEX);
    return choose(takeSnapshot(helper), tunnel, endpoints, own, blackhole);
  }

  #bind(family: Family, index: number | undefined): void {
    if (this.#bound.has(family) && this.#bound.get(family) === index) return;
    this.#bound.set(family, index);
    this.#context.listener.onBindInterface(family, index);
  }

  #followMtu(wanted: Readonly<Record<Family, number>>): void {
    const { helper, luid, listener } = this.#context;
    for (const family of this.#families) {
      const mtu = wanted[family];
      if (this.#mtu.get(family) === mtu) continue;
      this.#attempt(`set the MTU for IPv${family}`, () => {
        helper.changeIpInterface(luid, family, { mtu });
        this.#mtu.set(family, mtu);
      });
    }
    // The data plane has a single MTU: packets of either family have to fit.
    const mtu = Math.max(...this.#mtu.values());
    if (this.#mtu.size === 0 || mtu === this.#told) return;
    this.#told = mtu;
    listener.onMtu(mtu);
  }

  #keepHostRoutes(wanted: readonly RouteKey[]): void {
    const kept = new Set(wanted.map(routeId));
    // Adds new routes first, so that an endpoint is never without one.
    for (const route of wanted)
      if (!this.#hostRoutes.has(routeId(route))) this.#addHostRoute(route);
    for (const [id, route] of this.#hostRoutes) if (!kept.has(id)) this.#removeHostRoute(route);
  }

  #addHostRoute(route: RouteKey): void {
    this.#attempt(`route ${route.destination} past the tunnel`, () => {
      try {
        this.#context.helper.createRoute(route);
        this.#hostRoutes.set(routeId(route), route);
      } catch (error) {
        // Another program's route, which may stay.
        if (!isCallError(error, Win32Error.ERROR_OBJECT_ALREADY_EXISTS)) throw error;
      }
    });
  }

  #removeHostRoute(route: RouteKey): void {
    this.#hostRoutes.delete(routeId(route));
    this.#attempt(`remove the route to ${route.destination}`, () =>
      unlessGone(() => this.#context.helper.deleteRoute(route)),
    );
  }

  /** A failure is reported once, and the action is tried again with the next change. */
  #attempt<T>(what: string, action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      const reason = messageOf(error);
      const message = `cannot ${what}: ${reason}`;
      if (!this.#warned.has(message)) this.#context.onWarning(message);
      this.#warned.add(message);
      return undefined;
    }
  }
}
