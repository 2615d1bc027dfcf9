import { randomBytes } from 'node:crypto';
import { fastestProviders } from '../native/providers.js';
import type { Endpoint } from '../protocol/dataplane.js';
import { Device } from '../protocol/device.js';
import { formatPrefix, maskPrefix } from '../protocol/ip.js';
import { linuxNetConfig } from '../tun/linux/netconfig.js';
import type { Command, InterfaceSettings, NetConfig } from '../tun/netconfig.js';
import type { Tun } from '../tun/tun.js';
import { type Clock, systemClock } from './clock.js';
import { checkInterfaceName } from './config/file.js';
import type { Config, PeerConfig } from './config/model.js';
import { Driver } from './driver.js';
import { hookCommand, runHooks } from './hooks.js';
import { defaultLogger, type Logger } from './logger.js';
import { chooseMtu } from './mtu.js';
import { choosePlane, openPlane, openPlaneTun, type PlaneOptions } from './planes.js';
import { type Resolver, resolveEndpoint } from './resolve.js';
import { type StatusParts, statusOf, type TunnelStatus } from './status.js';
import type { UdpOptions } from './udp.js';
import { UndoStack } from './undo.js';

/** Where the undo of what is about to be done is written down, for when this process is killed. */
export interface UndoJournal {
  /** All commands so far, in the order of the steps. Called before each step that adds to them. */
  record(commands: readonly Command[]): void;
}

export interface TunnelOptions extends PlaneOptions {
  /** Of the interface: 1 to 15 of the characters a-z A-Z 0-9 _ = + . - */
  readonly name: string;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly resolver?: Resolver;
  /** How often a name server that does not answer is asked again. */
  readonly resolveRetries?: number;
  /** Gives up the bring-up, which then rejects with the signal's reason after undoing its steps. */
  readonly signal?: AbortSignal;
  /**
   * Packets come from and go to this device instead of an interface of the system's: then nothing of
   * the system's network is configured, no hook runs, and no privilege is needed. It is closed with
   * the tunnel, and when the bring-up fails.
   */
  readonly tun?: Tun;
  readonly netConfig?: NetConfig;
  /** Makes the interface; by default a TUN device of the system's. Throws TunError. */
  readonly openTun?: (name: string) => Tun;
  /** Addresses to listen on. */
  readonly udp?: Pick<UdpOptions, 'ipv4Address' | 'ipv6Address' | 'ipv6'>;
  readonly journal?: UndoJournal;
  /** Told each change of the system before it is made, as wg-quick prints them. */
  readonly onStep?: (description: string) => void;
  /**
   * Opens a way to watch the tunnel, such as a socket for wg(8), as soon as the device runs: before
   * the network is configured and PostUp runs. What it answers closes that way, after PreDown.
   */
  readonly expose?: (source: StatusSource) => Promise<() => Promise<void> | void>;
}

export interface StatusSource {
  status(): TunnelStatus;
}

/** The parts of a tunnel that is up. */
export interface BringUp extends StatusParts {
  readonly logger: Logger;
  readonly logUndoError: (step: string, error: unknown) => void;
}

/**
 * Throws what the failed step threw, after undoing the steps before it. An interface that breaks
 * meanwhile, and the caller's signal, give the bring-up up: then it throws that error or reason.
 */
export async function bringUp(
  config: Config,
  options: TunnelOptions,
  onFailure: (error: Error) => void,
): Promise<{ parts: BringUp; undo: UndoStack }> {
  const undo = new UndoStack();
  const logger = options.logger ?? defaultLogger(options.name);
  const logUndoError = (step: string, error: unknown): void =>
    logger.warn(`cannot undo ${step}: ${error instanceof Error ? error.message : String(error)}`);
  const end = new AbortController();
  const signal = AbortSignal.any([end.signal, ...(options.signal ? [options.signal] : [])]);
  const onTunError = (error: Error): void => {
    end.abort(error);
    onFailure(error);
  };
  try {
    const context = { undo, logger, logUndoError, onTunError };
    return { parts: await runSteps(config, { ...options, signal }, context), undo };
  } catch (error) {
    const reason: unknown = signal.aborted ? signal.reason : error;
    // The names of other peers may still be asked for.
    end.abort();
    await undo.unwind(logUndoError);
    throw reason;
  }
}

interface Context {
  readonly undo: UndoStack;
  readonly logger: Logger;
  readonly logUndoError: BringUp['logUndoError'];
  readonly onTunError: (error: Error) => void;
}

async function runSteps(
  config: Config,
  options: TunnelOptions,
  { undo, logger, logUndoError, onTunError }: Context,
): Promise<BringUp> {
  const { name, clock = systemClock() } = options;
  if (options.tun) undo.push(`the interface ${name}`, () => options.tun?.close());
  checkInterfaceName(name);
  warnOfIgnored(config, logger);
  const endpoints = await resolveEndpoints(config.peers, options, logger);
  const system = options.tun ? undefined : (options.netConfig ?? linuxNetConfig());
  const journal = new Journal(options.journal);
  const hooks = system && new Hooks(config, name, undo, journal, options);

  options.signal?.throwIfAborted();
  const hasOwnTun = options.tun !== undefined || options.openTun !== undefined;
  const choice = choosePlane(options, hasOwnTun);
  if (choice.fallback !== undefined) logger.info(`portable data plane: ${choice.fallback}`);
  await hooks?.preUp();
  const own = options.tun ?? options.openTun?.(name);
  const tun = openPlaneTun(choice, name, own, onTunError);
  undo.push(`the interface ${name}`, () => tun.close());
  const settings = await interfaceSettings(config, name, [...endpoints.values()], system);
  const { mtu, fwMark } = settings;
  const { listenPort: wantedPort, privateKey } = config.interface;
  const crypto = fastestProviders();
  const opened = await openPlane({
    choice,
    tun,
    udp: {
      ...options.udp,
      ...(wantedPort !== undefined && { port: wantedPort }),
      ...(fwMark !== 0 && { mark: fwMark }),
      onDebug: (note) => logger.debug(note),
    },
    mtu,
    crypto,
    clock,
    logger,
    onTunError,
  });
  const { plane, port: listenPort } = opened;
  undo.push('the UDP sockets', () => opened.closeSockets());
  const env = { random: randomBytes, wallNanos: clock.wallNanos, crypto };
  const device = new Device({ privateKey }, env);
  const driver = new Driver(device, plane, clock);
  undo.push('the device', () => driver.close());
  opened.start();
  for (const peer of config.peers) driver.configure(peerChange(peer, endpoints.get(peer)));

  const parts: StatusParts = { device, plane, listenPort, mtu, fwMark };
  const hide = await options.expose?.({ status: () => statusOf(name, parts) });
  if (hide) undo.push('the way to watch it', hide);

  if (system) {
    const whole = { ...settings, ...(tun.luid !== undefined && { luid: tun.luid }), listenPort };
    await applyNetwork(system, whole, { undo, journal, logger, logUndoError, options });
  }
  await hooks?.postUp();
  options.signal?.throwIfAborted();
  return { ...parts, logger, logUndoError };
}

function warnOfIgnored(config: Config, logger: Logger): void {
  if (config.interface.saveConfig)
    logger.warn('SaveConfig is ignored: the configuration file stays as it is');
}

async function resolveEndpoints(
  peers: readonly PeerConfig[],
  options: TunnelOptions,
  logger: Logger,
): Promise<Map<PeerConfig, Endpoint>> {
  const resolved = await Promise.all(
    peers.map(async (peer) => {
      if (!peer.endpoint) return undefined;
      const endpoint = await resolveEndpoint(peer.endpoint, {
        ...(options.resolver && { resolver: options.resolver }),
        ...(options.resolveRetries !== undefined && { retries: options.resolveRetries }),
        ...(options.signal && { signal: options.signal }),
        onRetry: (message) => logger.warn(message),
      });
      return [peer, endpoint] as const;
    }),
  );
  return new Map(resolved.filter((pair) => pair !== undefined));
}

async function interfaceSettings(
  config: Config,
  name: string,
  endpoints: readonly Endpoint[],
  system: NetConfig | undefined,
): Promise<Omit<InterfaceSettings, 'listenPort'>> {
  const { addresses, dnsServers, dnsSearch, table } = config.interface;
  const routes = new Set(
    config.peers.flatMap((peer) => peer.allowedIps.map((p) => formatPrefix(maskPrefix(p)))),
  );
  const isFullTunnel = table === 'auto' && (routes.has('0.0.0.0/0') || routes.has('::/0'));
  let fwMark = config.interface.fwMark ?? 0;
  if (system && fwMark === 0 && isFullTunnel) fwMark = await system.freeTable();
  const mtu = await chooseMtu(config.interface, endpoints, system);
  return {
    name,
    addresses: addresses.map(formatPrefix),
    mtu,
    routes: [...routes],
    table,
    fwMark,
    dnsServers,
    dnsSearch,
    endpoints,
  };
}

function peerChange(
  peer: PeerConfig,
  endpoint: Endpoint | undefined,
): Parameters<Driver['configure']>[0] {
  return {
    publicKey: peer.publicKey,
    replaceAllowedIps: true,
    allowedIps: peer.allowedIps,
    persistentKeepalive: peer.persistentKeepalive ?? 0,
    ...(peer.presharedKey && { presharedKey: peer.presharedKey }),
    ...(endpoint && { endpoint }),
  };
}

async function applyNetwork(
  system: NetConfig,
  settings: InterfaceSettings,
  context: Omit<Context, 'onTunError'> & {
    readonly journal: Journal;
    readonly options: TunnelOptions;
  },
): Promise<void> {
  const { undo, journal, logger, logUndoError, options } = context;
  const { steps, warnings } = await system.plan(settings);
  for (const warning of warnings) logger.warn(warning);
  for (const step of steps) {
    options.signal?.throwIfAborted();
    if (step.undo.length > 0) {
      journal.add(step.undo);
      undo.push(step.describe, () =>
        system.undo(step.undo, (error) => logUndoError(step.describe, error)),
      );
    }
    if (step.revert) undo.push(step.describe, step.revert);
    options.onStep?.(step.describe);
    await step.apply();
  }
}

class Journal {
  readonly #target: UndoJournal | undefined;
  readonly #commands: Command[] = [];

  constructor(target: UndoJournal | undefined) {
    this.#target = target;
  }

  add(commands: readonly Command[]): void {
    this.#commands.push(...commands);
    this.#target?.record(this.#commands);
  }
}

/** PreUp, PostUp, PreDown and PostDown, the latter two also when the bring-up fails after them. */
class Hooks {
  readonly #config: Config['interface'];
  readonly #name: string;
  readonly #undo: UndoStack;
  readonly #journal: Journal;
  readonly #options: TunnelOptions;

  constructor(
    config: Config,
    name: string,
    undo: UndoStack,
    journal: Journal,
    options: TunnelOptions,
  ) {
    this.#config = config.interface;
    this.#name = name;
    this.#undo = undo;
    this.#journal = journal;
    this.#options = options;
  }

  async preUp(): Promise<void> {
    const { preUp, postDown } = this.#config;
    this.#undoBy('PostDown', postDown);
    await this.#run('PreUp', preUp, this.#options.signal);
  }

  async postUp(): Promise<void> {
    const { postUp, preDown } = this.#config;
    this.#undoBy('PreDown', preDown);
    await this.#run('PostUp', postUp, this.#options.signal);
  }

  #undoBy(key: string, hooks: readonly string[]): void {
    if (hooks.length === 0) return;
    // The journal is read from its end, and the hooks have to run in their own order.
    this.#journal.add([...hooks].reverse().map((h) => ({ argv: hookCommand(h, this.#name) })));
    this.#undo.push(key, () => this.#run(key, hooks));
  }

  async #run(key: string, hooks: readonly string[], signal?: AbortSignal): Promise<void> {
    const onStep = this.#options.onStep;
    await runHooks(key, hooks, this.#name, {
      ...(onStep && { onStep }),
      ...(signal && { signal }),
    });
  }
}
