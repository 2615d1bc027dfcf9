import path from 'node:path';
import { excludeLan } from '../../src/config/exclude.js';
import { zeroConfig } from '../../src/config/model.js';
import type { Config, Logger, Tunnel } from '../../src/index.js';
import {
  type ConnectProgramOptions,
  connectProgram,
  type StatusSource,
} from '../../src/program.js';
import { uapiSocket } from '../../src/uapi/client.js';
import { serveUapi } from '../../src/uapi/server.js';
import { messageOf } from '../../system/errors.js';
import { type LoadedConfig, loadConfig } from '../load.js';
import { type Claim, claimName } from '../runtime/claim.js';
import { controlPipe, type LogSource, serveControl } from '../runtime/stoppipe.js';
import type { Target } from '../target.js';
import { connectSettings, type UpSettings } from '../upoptions.js';
import { saveConfig } from './saveconfig.js';

/** What the command line chooses of a tunnel, and what the process that runs it knows besides. */
export interface SessionSettings
  extends UpSettings,
    Pick<ConnectProgramOptions, 'resolveRetries' | 'serviceSid'> {}

export interface SessionOptions extends SessionSettings {
  readonly logger: Logger;
  /** Takes the tunnel down, at whatever moment. */
  readonly stop: AbortSignal;
  readonly onStep: (description: string) => void;
  readonly onWarning: (message: string) => void;
  /** The tunnel is up. */
  readonly onReady: (tunnel: Tunnel) => void;
  readonly earlyLog?: string;
  /** Another process asks for the end, where there are no signals. */
  readonly onStopRequest?: () => void;
  /** What another process can read of the log; absent when it is a terminal. */
  readonly log?: LogSource;
}

/** How a session ended after it was up: by `stop`, or by itself for a reason. */
export type SessionEnd = Error | undefined;

/**
 * One tunnel from its file to its end. Everything is undone when the promise settles; it rejects
 * when the tunnel did not come up.
 */
export async function runSession(target: Target, options: SessionOptions): Promise<SessionEnd> {
  const { config, warnings } = await loadConfig(target.file);
  try {
    return await runLoaded(target, { config: choose(config, options), warnings }, options);
  } finally {
    zeroConfig(config);
  }
}

/** The same secrets, with what the command line asks for. */
function choose(config: Config, options: SessionOptions): Config {
  const routed = options.excludeLan ? excludeLan(config) : config;
  const isExcluded = routed.peers.some(({ excludedIps = [] }) => excludedIps.includes('lan'));
  if (options.excludeLan && !isExcluded)
    options.onWarning('--exclude-lan changes nothing: no peer has a default route');
  if (!options.killSwitch) return routed;
  return { ...routed, interface: { ...routed.interface, killSwitch: true } };
}

async function runLoaded(
  target: Target,
  { config, warnings }: LoadedConfig,
  options: SessionOptions,
): Promise<SessionEnd> {
  const { onWarning } = options;
  const { name } = target;
  // The working folder changes when the tunnel is up.
  const file = path.resolve(target.file);
  for (const warning of warnings) onWarning(warning);
  const claim = await claimName(name, {
    configFile: file,
    ...(options.earlyLog !== undefined && { earlyLog: options.earlyLog }),
    keepKillSwitch: config.interface.killSwitch === true,
    onRecovery: onWarning,
    onError: (error) => onWarning(`cannot undo: ${error.message}`),
  });
  let keepLog = false;
  let keepKillSwitch = claim.inheritsKillSwitch;
  try {
    const end = await withControl(name, options, () =>
      runTunnel({ name, file }, config, claim, options),
    );
    keepLog = end !== undefined;
    keepKillSwitch = end !== undefined;
    return end;
  } finally {
    claim.release({ keepLog, keepKillSwitch });
  }
}

async function runTunnel(
  { name, file }: Target,
  config: Config,
  claim: Claim,
  options: SessionOptions,
): Promise<SessionEnd> {
  const { logger, stop, resolveRetries, serviceSid } = options;
  const tunnel = await connectProgram(config, {
    // As wg-quick(8) has it, and WireGuard for Windows.
    allowHooks: process.platform !== 'win32',
    hooksOption: '--allow-hooks',
    ...connectSettings(options),
    name,
    logger,
    signal: stop,
    onStep: options.onStep,
    journal: claim,
    inheritsKillSwitch: claim.inheritsKillSwitch,
    expose: (source) => openUapi(name, source, logger),
    ...(!file.endsWith('.dpapi') && {
      save: (source: StatusSource) => saveOnDown(file, source, logger),
    }),
    ...(resolveRetries !== undefined && { resolveRetries }),
    ...(serviceSid !== undefined && { serviceSid }),
  });
  return await untilEnd(tunnel, stop, () => {
    claim.ready();
    options.onReady(tunnel);
  });
}

/** On Windows, where one process cannot ask another to end by a signal. */
async function withControl<T>(
  name: string,
  { onStopRequest, log }: SessionOptions,
  work: () => Promise<T>,
): Promise<T> {
  if (process.platform !== 'win32' || !onStopRequest) return await work();
  const control = await serveControl(controlPipe(name), { stop: onStopRequest, log });
  try {
    return await work();
  } finally {
    await control.close();
  }
}

async function untilEnd(
  tunnel: Tunnel,
  stop: AbortSignal,
  announce: () => void,
): Promise<SessionEnd> {
  try {
    announce();
  } catch (error) {
    await tunnel.close();
    throw error;
  }
  const takeDown = (): void => void tunnel.close();
  if (stop.aborted) takeDown();
  else stop.addEventListener('abort', takeDown, { once: true });
  return await tunnel.closed;
}

async function openUapi(
  name: string,
  source: StatusSource,
  logger: Logger,
): Promise<() => Promise<void>> {
  const server = await serveUapi(uapiSocket(name), () => source.read(), {
    async change(change) {
      try {
        await source.change(change);
      } catch (error) {
        logger.warn(`a change was refused: ${messageOf(error)}`);
        throw error;
      }
    },
  });
  return () => server.close();
}

/** As wg-quick(8), by what the file says now; one that cannot be written stays as it is. */
async function saveOnDown(file: string, source: StatusSource, logger: Logger): Promise<void> {
  try {
    if (await saveConfig(file, () => source.read(), { onlyIfAsked: true }))
      logger.info(`saved in ${file}`);
  } catch (error) {
    logger.warn(`SaveConfig: ${messageOf(error)}`);
  }
}
