import { rmSync } from 'node:fs';
import { loadedLogger } from '../../src/program.js';
import { WgTsError } from '../../system/errors.js';
import { EXIT_INTERRUPTED, explain } from '../explain.js';
import { note } from '../output.js';
import { encodeEntry, formatEntry, type LogEntry } from '../runtime/logentry.js';
import { RotatingLog } from '../runtime/logfile.js';
import type { RingLog } from '../runtime/ringlog.js';
import { StateFolder } from '../runtime/state.js';
import type { LogSource } from '../runtime/stoppipe.js';
import { serviceNotifier } from '../service/systemd/notify.js';
import type { TunnelServiceContext } from '../service/windows/run.js';
import type { Target } from '../target.js';
import type { ProgressMessage } from './background.js';
import { type EntrySink, startLogging } from './logging.js';
import { runSession, type SessionSettings } from './session.js';

/** Windows sends SIGHUP when the console is closed, and SIGBREAK for Ctrl-Break. */
const ENDING_SIGNALS: readonly NodeJS.Signals[] =
  process.platform === 'win32'
    ? ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGBREAK']
    : ['SIGINT', 'SIGTERM'];

/** Logs to the terminal. Resolves to the exit code. */
export async function runForeground(target: Target, settings: SessionSettings): Promise<number> {
  const manager = serviceNotifier();
  let isUp = false;
  await startLogging((entry) => {
    note(formatEntry(entry));
    // Such as a name that cannot be resolved yet: service install shows what it waits for.
    if (!isUp && entry.level === 'warning') manager?.status(entry.message);
  }, settings);
  const stop = new AbortController();
  manager?.status('coming up');
  stop.signal.addEventListener('abort', () => manager?.stopping(), { once: true });
  try {
    return await runUntilStopped(target, settings, {
      stop,
      tell: note,
      onReady() {
        isUp = true;
        manager?.ready(`${target.name} is up`);
      },
    });
  } finally {
    manager?.close();
  }
}

/**
 * Reports to the process that waits until the tunnel is up, and from then on only to the log. Resolves to
 * the exit code when all messages are sent.
 */
export async function runDaemon(target: Target, settings: SessionSettings): Promise<number> {
  if (!process.send) throw new WgTsError('ERR_USAGE', '--daemon is for wg-ts itself');
  const earlyLog = process.env['WG_TS_EARLY_LOG'];
  delete process.env['WG_TS_EARLY_LOG'];
  const early: LogEntry[] = [];
  const ring = await openRing(target.name);
  const file = ring ?? new RotatingLog(new StateFolder().logFile(target.name));
  const toFile: EntrySink = (entry) => file.append(encodeEntry(entry));
  let log: EntrySink = (entry) => {
    early.push(entry);
    const { level, message } = entry;
    if (level === 'warning' || level === 'error') tell(`warning: ${message}`);
    else if (settings.verbose) tell(message);
  };
  await startLogging((entry) => log(entry), settings);
  if (process.platform !== 'win32') process.on('SIGHUP', () => undefined);
  const stop = new AbortController();
  const giveUp = (): void => stop.abort();
  process.once('disconnect', giveUp);
  // The process that asked for the tunnel may be gone already.
  if (!process.connected) giveUp();
  const code = await runUntilStopped(target, settings, {
    stop,
    tell,
    ...(earlyLog !== undefined && { earlyLog }),
    ...(ring && { log: ring }),
    onReady() {
      process.off('disconnect', giveUp);
      log = toFile;
      for (const entry of early.splice(0)) toFile(entry);
      void send({ type: 'ready' }).then(() => {
        // The waiting process may have disconnected first, and doing so twice is an error.
        if (process.connected) process.disconnect?.();
      });
      // So that no user's folder is kept busy.
      process.chdir(process.env['SystemRoot'] ?? '/');
    },
  });
  // The process that created the file may have been killed.
  if (earlyLog !== undefined) rmSync(earlyLog, { force: true });
  // Entries that reached no log yet explain why the tunnel did not come up.
  if (ring) early.forEach(toFile);
  ring?.close();
  await told;
  return code;
}

/** On Windows logs are rings, which outlive their tunnel. */
async function openRing(name: string): Promise<RingLog | undefined> {
  if (process.platform !== 'win32') return undefined;
  const folder = new StateFolder();
  folder.create();
  const { RingLog } = await import('../runtime/ringlog.js');
  return new RingLog(folder.logFile(name));
}

/** Logs to the ring, with warnings and errors also to the event log. Resolves to the exit code. */
export async function runInService(
  target: Target,
  settings: SessionSettings,
  { sid, stop, log, events, running }: TunnelServiceContext,
): Promise<number> {
  const { name } = target;
  await startLogging((entry) => {
    log.append(encodeEntry(entry));
    const { level, message } = entry;
    if (level === 'error' || level === 'fatal') events.report('error', `${name}: ${message}`);
    else if (level === 'warning') events.report('warning', `${name}: ${message}`);
  }, settings);
  const logger = await loadedLogger(name);
  const end = new AbortController();
  if (stop.aborted) end.abort();
  else stop.addEventListener('abort', () => end.abort(), { once: true });
  events.report('information', `${name}: starting`);
  const code = await runUntilStopped(
    target,
    { ...settings, serviceSid: sid },
    {
      stop: end,
      tell(line) {
        if (/^(error|hint): /.test(line)) logger.error(line);
        else if (line.startsWith('warning: ')) logger.warn(line.slice('warning: '.length));
        else logger.info(line);
      },
      log,
      onReady: running,
    },
  );
  events.report('information', `${name}: stopped`);
  // Ending on request is not a failure, however the request came.
  return end.signal.aborted && code === EXIT_INTERRUPTED ? 0 : code;
}

/** Resolves when the message is sent, or the other process has disconnected. */
function send(message: ProgressMessage): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected) resolve();
    else process.send?.(message, undefined, undefined, () => resolve());
  });
}

let told: Promise<void> = Promise.resolve();

function tell(line: string): void {
  told = send({ type: 'line', text: line });
}

interface Frontend {
  /** Takes the tunnel down, or gives up bringing it up. */
  readonly stop: AbortController;
  tell(line: string): void;
  onReady(): void;
  readonly earlyLog?: string;
  readonly log?: LogSource;
}

/** Resolves to the exit code. */
async function runUntilStopped(
  target: Target,
  settings: SessionSettings,
  { stop, tell, onReady, earlyLog, log }: Frontend,
): Promise<number> {
  let isUp = false;
  let failure: unknown;
  // These listeners stay: a second Ctrl-C must not interrupt what the first one has begun.
  for (const signal of ENDING_SIGNALS) process.on(signal, () => stop.abort());
  const logger = await loadedLogger(target.name);
  process.on('uncaughtException', (error) => {
    failure ??= error;
    for (const line of explain(error).lines) logger.error(line);
    stop.abort();
  });
  try {
    const end = await runSession(target, {
      ...settings,
      logger,
      stop: stop.signal,
      onStopRequest: () => stop.abort(),
      ...(log && { log }),
      onStep: (step) => tell(`[#] ${step}`),
      onWarning: (message) => tell(`warning: ${message}`),
      ...(earlyLog !== undefined && { earlyLog }),
      onReady(tunnel) {
        isUp = true;
        onReady();
        logger.info(`up (pid ${process.pid}, data plane ${tunnel.status().dataPlane})`);
      },
    });
    logger.info('down');
    return end || failure ? 1 : 0;
  } catch (error) {
    if (stop.signal.aborted && !isUp && !failure) return EXIT_INTERRUPTED;
    const { lines, exitCode } = explain(error);
    for (const line of lines) tell(line);
    return exitCode;
  }
}
