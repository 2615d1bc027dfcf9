import { randomBytes } from 'node:crypto';
import { fastestProviders } from '../native/providers.js';
import type { Endpoint } from '../protocol/dataplane.js';
import { Device } from '../protocol/device.js';
import type { InterfaceSettings, NetConfig, NetWatch } from '../tun/netconfig.js';
import type { Tun } from '../tun/tun.js';
import { type Clock, systemClock } from './clock.js';
import { checkInterfaceName } from './config/file.js';
import type { Config, PeerConfig } from './config/model.js';
import { Driver } from './driver.js';
import { permittedHooks } from './hooks.js';
import { Journal, type UndoJournal } from './journal.js';
import { defaultLogger, type Logger } from './logger.js';
import { choosePlane, openPlane, openPlaneTun, type PlaneOptions } from './planes.js';
import { type Resolver, resolveEndpoint } from './resolve.js';
import { type StatusParts, statusOf, type TunnelStatus } from './status.js';
import { TunnelHooks } from './tunnelhooks.js';
import {
  applyNetwork,
  interfaceSettings,
  networkIdentity,
  systemNetConfig,
  watchNetwork,
} from './tunnelnetwork.js';
import type { UdpOptions } from './udp.js';
import { UndoStack } from './undo.js';

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
  /** On Windows, of the service that runs this process: its kill switch knows the process by it. */
  readonly serviceSid?: string;
  /** Makes the interface; by default a TUN device of the system's. Throws TunError. */
  readonly openTun?: (name: string) => Tun;
  /** Addresses to listen on. */
  readonly udp?: Pick<UdpOptions, 'ipv4Address' | 'ipv6Address' | 'ipv6'>;
  readonly journal?: UndoJournal;
  /**
   * On Windows: PreUp, PostUp, PreDown and PostDown run. Without, each is skipped with a warning, as
   * whoever wrote the file may have fewer rights than this process.
   */
  readonly allowHooks?: boolean;
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
  const permitted = permittedHooks(config, options.allowHooks === true);
  for (const warning of permitted.warnings) logger.warn(warning);
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
    return { parts: await runSteps(permitted.config, { ...options, signal }, context), undo };
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
  const system = options.tun
    ? undefined
    : (options.netConfig ?? (await networkOf(options, logger)));
  const journal = new Journal(options.journal);
  const hooks = system && new TunnelHooks(config, name, undo, journal, options);

  options.signal?.throwIfAborted();
  const hasOwnTun = options.tun !== undefined || options.openTun !== undefined;
  const choice = choosePlane(options, hasOwnTun);
  if (choice.fallback !== undefined) logger.info(`portable data plane: ${choice.fallback}`);
  await hooks?.preUp();
  const own = options.tun ?? options.openTun?.(name);
  const crypto = fastestProviders();
  const identity = networkIdentity(name, config, crypto);
  const tun = await openPlaneTun(choice, { name, identity, own, onTunError, logger });
  undo.push(`the interface ${name}`, () => tun.close());
  const settings = await interfaceSettings(config, name, [...endpoints.values()], system);
  const { mtu, fwMark } = settings;
  const { listenPort: wantedPort, privateKey } = config.interface;
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
  let watch: NetWatch | undefined;
  const driver = new Driver(device, plane, clock, () => watch?.setEndpoints(endpointsOf(device)));
  undo.push('the device', () => driver.close());
  opened.start();
  for (const peer of config.peers) driver.configure(peerChange(peer, endpoints.get(peer)));

  const parts: BringUp = { device, plane, listenPort, mtu, fwMark, logger, logUndoError };
  const hide = await options.expose?.({ status: () => statusOf(name, parts) });
  if (hide) undo.push('the way to watch it', hide);

  if (system) {
    const whole: InterfaceSettings = {
      ...settings,
      ...(tun.luid !== undefined && { luid: tun.luid }),
      listenPort,
      bindsSockets: opened.bindInterface !== undefined,
    };
    const { signal, onStep } = options;
    await applyNetwork(system, whole, {
      undo,
      journal,
      logger,
      logUndoError,
      ...(signal && { signal }),
      ...(onStep && { onStep }),
    });
    const followMtu = config.interface.mtu === undefined;
    watch = watchNetwork(
      system,
      { ...whole, endpoints: endpointsOf(device) },
      followMtu,
      opened,
      parts,
    );
    if (watch) undo.push('the watch on the network', () => watch?.close());
  }
  await hooks?.postUp();
  options.signal?.throwIfAborted();
  return parts;
}

function networkOf({ serviceSid }: TunnelOptions, logger: Logger): Promise<NetConfig> {
  const onWarning = (message: string): void => logger.warn(message);
  return systemNetConfig({ onWarning, ...(serviceSid !== undefined && { serviceSid }) });
}

function endpointsOf(device: Device): Endpoint[] {
  return device.peers().flatMap(({ endpoint }) => (endpoint ? [endpoint] : []));
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
