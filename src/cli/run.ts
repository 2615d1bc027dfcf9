import { rmSync } from 'node:fs';
import { WgTsError } from '../errors.js';
import { defaultLogger } from '../index.js';
import type { ProgressMessage } from './background.js';
import { EXIT_INTERRUPTED, explain } from './explain.js';
import { bounded, type LineSink, startLogging } from './logging.js';
import { note } from './output.js';
import { runSession, type SessionSettings } from './session.js';
import type { Target } from './target.js';

/** What the user asked for besides the tunnel itself. */
export interface RunOptions extends SessionSettings {
  readonly verbose: boolean;
}

/** Logs to the terminal. Answers the exit code. */
export async function runForeground(target: Target, options: RunOptions): Promise<number> {
  await startLogging((line) => note(line), options);
  return await runUntilStopped(target, options, {
    stop: new AbortController(),
    tell: note,
    onReady: () => undefined,
  });
}

/**
 * Speaks to the process that waits until the tunnel is up, and then only to the log. Answers the exit
 * code when all is said.
 */
export async function runDaemon(target: Target, options: RunOptions): Promise<number> {
  if (!process.send) throw new WgTsError('ERR_USAGE', '--daemon is for wg-ts itself');
  const earlyLog = process.env['WG_TS_EARLY_LOG'];
  delete process.env['WG_TS_EARLY_LOG'];
  const early: string[] = [];
  const toFile = bounded((text) => process.stderr.write(text));
  let log: LineSink = (line, level, text) => {
    early.push(line);
    if (level === 'warning' || level === 'error') tell(`warning: ${text}`);
    else if (options.verbose) tell(text);
  };
  await startLogging((...record) => log(...record), options);
  process.on('SIGHUP', () => undefined);
  const stop = new AbortController();
  const giveUp = (): void => stop.abort();
  process.once('disconnect', giveUp);
  // Whoever asked for the tunnel may be gone already.
  if (!process.connected) giveUp();
  const code = await runUntilStopped(target, options, {
    stop,
    tell,
    ...(earlyLog !== undefined && { earlyLog }),
    onReady() {
      process.off('disconnect', giveUp);
      log = toFile;
      for (const line of early.splice(0)) toFile(line);
      void send({ type: 'ready' }).then(() => process.disconnect?.());
      // So that no folder of somebody's is kept busy.
      process.chdir('/');
    },
  });
  // Nobody else can, when whoever made it was killed.
  if (earlyLog !== undefined) rmSync(earlyLog, { force: true });
  await told;
  return code;
}

/** Fulfilled when it is on its way; also when nobody listens any more. */
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
}

/** Answers the exit code. */
async function runUntilStopped(
  target: Target,
  settings: SessionSettings,
  { stop, tell, onReady, earlyLog }: Frontend,
): Promise<number> {
  const logger = defaultLogger(target.name);
  let isUp = false;
  let failure: unknown;
  // Stay for good: a second Ctrl-C must not break what the first one has begun.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
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
