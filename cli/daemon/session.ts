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

/** The settings from the command line, and those that only the process of the tunnel knows. */
export interface SessionSettings
  extends UpSettings,
    Pick<ConnectProgramOptions, 'resolveRetries' | 'serviceSid'> {}

export interface SessionOptions extends SessionSettings {
  readonly logger: Logger;
  /** Takes the tunnel down, at any moment. */
  readonly stop: AbortSignal;
  readonly onStep: (description: string) => void;
  readonly onWarning: (message: string) => void;
  /** Called when the tunnel is up. */
  readonly onReady: (tunnel: Tunnel) => void;
  readonly earlyLog?: string;
  /** Called when another process asks for the end on a system without signals. */
  readonly onStopRequest?: () => void;
  /** The log that other processes can read; absent when the tunnel logs to a terminal. */
  readonly log?: LogSource;
}

/** Why a session ended after it was up; undefined when it was ended by `stop`. */
export type SessionEnd = Error | undefined;

/**
 * Runs one tunnel from its file to its end. Everything is undone when the promise settles. Rejects when
 * the tunnel did not come up.
 */
export async function runSession(target: Target, options: SessionOptions): Promise<SessionEnd> {
  const { config, warnings } = await loadConfig(target.file);
  try {
    return await runLoaded(target, { config: choose(config, options), warnings }, options);
  } finally {
    zeroConfig(config);
  }
}

/** Applies the settings of the command line. Secrets are shared, not copied. */
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
    // As in wg-quick(8) and WireGuard for Windows.
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

/** Serves the control pipe on Windows, where one process cannot signal another to end. */
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

/** Saves if the file, as it is now, asks for it, as in wg-quick(8). A failure is logged. */
async function saveOnDown(file: string, source: StatusSource, logger: Logger): Promise<void> {
  try {
    if (await saveConfig(file, () => source.read(), { onlyIfAsked: true }))
      logger.info(`saved in ${file}`);
  } catch (error) {
    logger.warn(`SaveConfig: ${messageOf(error)}`);
  }
}
