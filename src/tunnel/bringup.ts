import type { NetConfig } from '../../network/netconfig.js';
import { openNetConfig } from '../../network/open.js';
import { backgroundClock, type Clock, systemClock } from '../../system/clock.js';
import { messageOf } from '../../system/errors.js';
import { checkInterfaceName } from '../../system/interfacename.js';
import { takeTransport } from '../../udp/own.js';
import type { Config } from '../config/model.js';
import type { LiveParts } from '../control/configuration.js';
import type { ResolveOptions } from '../control/endpoints/resolve.js';
import type { SessionWatch } from '../control/sessions.js';
import { statusOf } from '../control/status.js';
import { choosePlane } from '../dataplane/choice.js';
import { Journal } from '../journal.js';
import { type Logger, loadedLogger, uncaughtLogger } from '../logger.js';
import { serveMetrics } from '../metrics/serve.js';
import { UndoStack } from '../undo.js';
import { TunnelChanges, type TunnelChangesParts } from './changes.js';
import { endpointsOf, openTunnelDevice, type TunnelDevice } from './device.js';
import { permittedHooks, TunnelHooks } from './hooks.js';
import { KillSwitch } from './killswitch.js';
import { Liveness } from './liveness.js';
import { followProbedMtu } from './mtuprobe.js';
import { TunnelNames } from './names.js';
import { applyNetwork, chooseFwMark, undoLeftBehind, watchNetwork } from './network.js';
import type { TunnelOptions } from './options.js';
import { findReachable } from './peers.js';
import type { ProgramOptions, StatusSource } from './programoptions.js';
import { LiveRoutes } from './routes.js';

interface UpParts extends LiveParts, TunnelChangesParts {
  readonly sessions: SessionWatch;
  readonly clock: Clock;
  /** Ends with the last step of the undo. */
  readonly liveness: Liveness;
  readonly killSwitch: KillSwitch | undefined;
  readonly logger: Logger;
  readonly logUndoError: (step: string, error: unknown) => void;
}

/** The parts of a tunnel that is up. */
export interface BringUp extends UpParts {
  readonly changes: TunnelChanges;
}

/**
 * Brings a tunnel up. Throws the error of the step that failed, after undoing the steps before it. When
 * the interface breaks meanwhile, or the caller's signal aborts, the bring-up ends with that error or
 * reason.
 */
export async function bringUp(
  config: Config,
  options: TunnelOptions,
  program: ProgramOptions,
  onFailure: (error: Error) => void,
): Promise<{ parts: BringUp; undo: UndoStack }> {
  const undo = new UndoStack();
  const logger = uncaughtLogger(options.logger ?? (await loadedLogger(options.name)));
  const permitted = permittedHooks(
    config,
    options.allowHooks === true,
    program.hooksOption ?? 'allowHooks',
  );
  for (const warning of permitted.warnings) logger.warn(warning);
  const logUndoError = (step: string, error: unknown): void =>
    logger.warn(`cannot undo ${step}: ${messageOf(error)}`);
  const end = new AbortController();
  const { signal } = end;
  // Not AbortSignal.any: a signal that outlives the tunnel would keep memory for each tunnel.
  const giveUp = (): void => end.abort(options.signal?.reason);
  options.signal?.addEventListener('abort', giveUp);
  if (options.signal?.aborted) giveUp();
  const onTunError = (error: Error): void => {
    end.abort(error);
    onFailure(error);
  };
  const liveness = new Liveness();
  undo.push('what keeps the process alive', () => liveness.close());
  try {
    const context = {
      ...{ program, undo, liveness, logger, logUndoError, onTunError },
      given: config,
    };
    const parts = await runSteps(permitted.config, { ...options, signal }, context);
    return { parts, undo };
  } catch (error) {
    const reason: unknown = signal.aborted ? signal.reason : error;
    // The names of other peers may still be looked up.
    end.abort();
    await undo.unwind(logUndoError);
    throw reason;
  } finally {
    options.signal?.removeEventListener('abort', giveUp);
  }
}

interface Context {
  /** The configuration, including the hooks that may not run. */
  readonly given: Config;
  readonly program: ProgramOptions;
  readonly undo: UndoStack;
  readonly liveness: Liveness;
  readonly logger: Logger;
  readonly logUndoError: UpParts['logUndoError'];
  readonly onTunError: (error: Error) => void;
}

async function runSteps(
  config: Config,
  options: TunnelOptions,
  context: Context,
): Promise<BringUp> {
  const { program, undo, liveness, logger, logUndoError } = context;
  const { name, signal } = options;
  const { onStep, openTun } = program;
  const clock = backgroundClock(options.clock ?? systemClock());
  if (options.tun) undo.push(`the interface ${name}`, () => options.tun?.close());
  if (options.transport) undo.push('the transport', takeTransport(options.transport));
  checkInterfaceName(name);
  warnOfIgnored(config, program, logger);
  const system = options.tun
    ? undefined
    : (program.netConfig ?? (await openNetwork(program, logger)));
  if (system) await undoLeftBehind(system, logger);
  const journal = new Journal(program.journal);
  const hookOptions = { ...(onStep && { onStep }), ...(signal && { signal }) };
  const hooks = system && new TunnelHooks(config, name, undo, journal, hookOptions);
  const fwMark = await chooseFwMark(config, system);
  const isInherited = program.inheritsKillSwitch === true;
  const ofSystem = { undo, journal, logger, logUndoError, ...(onStep && { onStep }) };
  const { resolver } = options;
  const names = await TunnelNames.open({ resolver, system, config, clock, logger });
  const killSwitch = await KillSwitch.close(
    system,
    config,
    { name, fwMark, nameServers: names.permitted },
    { ...ofSystem, isInherited },
  );
  names.behind(killSwitch, fwMark);
  const resolving = resolvingOf(options, names, clock, logger);
  const found = await findReachable(config, { ...resolving, ...(signal && { signal }) }, logger);

  signal?.throwIfAborted();
  const hasOwnTun = options.tun !== undefined || openTun !== undefined;
  const choice = choosePlane(options, hasOwnTun, options.transport !== undefined);
  if (choice.fallback !== undefined) logger.info(`portable data plane: ${choice.fallback}`);
  await hooks?.preUp();
  const lookingUp = { ...options, resolver: names.resolver };
  const opened = await openTunnelDevice(config, lookingUp, {
    ...context,
    clock,
    choice,
    system,
    fwMark,
    found,
    openTun,
  });
  const { live, sessions, connector } = opened;
  const up: UpParts = Object.assign(opened.parts, {
    ...{ live, sessions, connector, killSwitch, logger, logUndoError, clock, liveness },
    routes: system && new LiveRoutes(system, opened.settings, logger),
    resolving,
  });
  const changes = new TunnelChanges(up, context.given);
  const parts: BringUp = Object.assign(up, { changes });
  const source: StatusSource = {
    status: () => statusOf(name, parts),
    read: () => live.read(),
    change: (change) => changes.configure(change, { routes: false }),
  };
  const hide = await program.expose?.(source);
  if (hide) undo.push('the way to watch it', hide);

  names.tunnelComesUp(parts);
  if (system) {
    await applyNetwork(system, opened.settings, { ...ofSystem, ...(signal && { signal }) });
    const dns = system.keepDns?.(opened.settings, (message) => logger.warn(message));
    if (dns) undo.push('the watch on DNS', () => dns.close());
    watchSystem(system, config, { opened, parts, undo, logger });
  }
  const metricsAddress = options.metrics ?? config.interface.metrics;
  // Only now, as the address may be one of the tunnel's own.
  if (metricsAddress) {
    const metrics = await serveMetrics(source, metricsAddress, { clock, logger });
    metrics.unref();
    undo.push('the metrics', () => metrics.close());
  }
  let cameUp = false;
  const { save } = program;
  if (save) undo.push('SaveConfig', () => (cameUp ? save(source) : undefined));
  await hooks?.postUp();
  signal?.throwIfAborted();
  cameUp = true;
  killSwitch?.tunnelIsUp();
  return parts;
}

function watchSystem(
  system: NetConfig,
  config: Config,
  {
    opened,
    parts,
    undo,
    logger,
  }: Pick<Context, 'undo' | 'logger'> & { readonly opened: TunnelDevice; readonly parts: UpParts },
): void {
  const { mtu, probesMtu = false } = config.interface;
  const settings = { ...opened.settings, endpoints: endpointsOf(parts.device) };
  const watch = watchNetwork(system, settings, mtu === undefined && !probesMtu, parts);
  if (watch) undo.push('the watch on the network', () => watch.close());
  opened.watch(watch);
  if (probesMtu) followProbedMtu(config, settings, { system, parts, undo, logger });
}

function openNetwork({ serviceSid }: ProgramOptions, logger: Logger): Promise<NetConfig> {
  return openNetConfig({ serviceSid, onWarning: (message) => logger.warn(message) });
}

function warnOfIgnored(config: Config, { save }: ProgramOptions, logger: Logger): void {
  if (config.interface.saveConfig && !save)
    logger.warn('SaveConfig is ignored: the configuration file is not changed');
}

function resolvingOf(
  { resolveRetries }: TunnelOptions,
  { resolver }: TunnelNames,
  clock: Clock,
  logger: Logger,
): ResolveOptions {
  return {
    clock,
    resolver,
    ...(resolveRetries !== undefined && { retries: resolveRetries }),
    onRetry: (message) => logger.warn(message),
  };
}
