import {
  type Config,
  decodeKey,
  type Logger,
  type StatusSource,
  Tunnel,
  type TunnelOptions,
} from '../index.js';
import { type Claim, claimName } from '../runtime/claim.js';
import { controlPipe, type LogSource, serveControl } from '../runtime/control.js';
import { uapiSocket } from '../uapi/client.js';
import type { UapiDevice } from '../uapi/codec.js';
import { serveUapi } from '../uapi/server.js';
import { type LoadedConfig, loadConfig, zeroConfig } from './load.js';
import type { Target } from './target.js';

/** What of a tunnel the command line may choose. */
export interface SessionSettings
  extends Pick<
    TunnelOptions,
    'resolveRetries' | 'dataPlane' | 'workers' | 'serviceSid' | 'allowHooks'
  > {}

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
    return await runLoaded(target, { config, warnings }, options);
  } finally {
    zeroConfig(config);
  }
}

async function runLoaded(
  { name }: Target,
  { config, warnings }: LoadedConfig,
  options: SessionOptions,
): Promise<SessionEnd> {
  const { onWarning } = options;
  for (const warning of warnings) onWarning(warning);
  const claim = await claimName(name, {
    ...(options.earlyLog !== undefined && { earlyLog: options.earlyLog }),
    onRecovery: onWarning,
    onError: (error) => onWarning(`cannot undo: ${error.message}`),
  });
  let keepLog = false;
  try {
    const end = await withControl(name, options, () => runTunnel(name, config, claim, options));
    keepLog = end !== undefined;
    return end;
  } finally {
    claim.release({ keepLog });
  }
}

async function runTunnel(
  name: string,
  config: Config,
  claim: Claim,
  options: SessionOptions,
): Promise<SessionEnd> {
  const { logger, stop, resolveRetries, dataPlane, workers, serviceSid, allowHooks } = options;
  const tunnel = await Tunnel.up(config, {
    name,
    logger,
    signal: stop,
    onStep: options.onStep,
    journal: claim,
    expose: (source) => openUapi(name, config, source),
    ...(resolveRetries !== undefined && { resolveRetries }),
    ...(dataPlane !== undefined && { dataPlane }),
    ...(workers !== undefined && { workers }),
    ...(serviceSid !== undefined && { serviceSid }),
    ...(allowHooks !== undefined && { allowHooks }),
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
    await tunnel.down();
    throw error;
  }
  const takeDown = (): void => void tunnel.down();
  if (stop.aborted) takeDown();
  else stop.addEventListener('abort', takeDown, { once: true });
  return await tunnel.closed;
}

async function openUapi(
  name: string,
  config: Config,
  source: StatusSource,
): Promise<() => Promise<void>> {
  const server = await serveUapi(uapiSocket(name), () => describeDevice(config, source));
  return () => server.close();
}

function describeDevice(config: Config, source: StatusSource): UapiDevice {
  const { listenPort, fwMark, dataPlane, peers } = source.status();
  const presharedKeys = new Map(
    config.peers.map(({ publicKey, presharedKey }) => [publicKey.join(), presharedKey]),
  );
  return {
    privateKey: config.interface.privateKey,
    listenPort,
    fwMark,
    dataPlane,
    peers: peers.map((peer) => {
      const publicKey = decodeKey(peer.publicKey) ?? new Uint8Array(32);
      const presharedKey = presharedKeys.get(publicKey.join());
      return { ...peer, publicKey, ...(presharedKey && { presharedKey }) };
    }),
  };
}
