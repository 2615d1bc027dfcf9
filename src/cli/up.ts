import { rmSync } from 'node:fs';
import { Command, Option } from 'commander';
import { WgTsError } from '../errors.js';
import { defaultLogger } from '../index.js';
import { type ProgressMessage, runInBackground } from './background.js';
import { EXIT_INTERRUPTED, explain } from './explain.js';
import { bounded, type LineSink, startLogging } from './logging.js';
import { note } from './output.js';
import { runSession } from './session.js';
import { requireRoot, resolveTarget, type Target } from './target.js';

interface UpOptions {
  readonly foreground?: boolean;
  readonly verbose?: boolean;
  readonly daemon?: boolean;
}

export const upCommand: Command = new Command('up')
  .summary('bring a tunnel up')
  .description(
    'Brings up the tunnel of a configuration file and leaves it running in the background.',
  )
  .argument('<FILE|NAME>', 'a .conf file; NAME alone means /etc/wireguard/NAME.conf')
  .option('-f, --foreground', 'stay, log to the terminal, and take the tunnel down on Ctrl-C')
  .option('-v, --verbose', 'log more')
  .addOption(new Option('--daemon').hideHelp())
  .addHelpText(
    'after',
    `
In the background it logs to /run/wg-ts/NAME.log, up to 1 MiB; the file goes with the tunnel, unless
that ends by itself. WG_ENDPOINT_RESOLUTION_RETRIES is understood as by wg(8).

Examples:
  sudo wg-ts up office.conf
  sudo wg-ts up --foreground office.conf`,
  )
  .action(async (fileOrName: string, options: UpOptions) => {
    const target = resolveTarget(fileOrName);
    requireRoot('up', `up ${fileOrName}`);
    const retries = resolveRetries();
    if (options.daemon) process.exitCode = await runDaemon(target, retries, options);
    else if (options.foreground) process.exitCode = await runForeground(target, retries, options);
    else {
      const verbose = options.verbose ? ['--verbose'] : [];
      process.exitCode = await runInBackground(['up', '--daemon', ...verbose, '--', fileOrName]);
    }
    await told;
    // Nothing may keep the process now: not a channel, not a client of the socket.
    process.exit();
  });

/** As wg(8): a number of times, or `infinity`. */
function resolveRetries(): number | undefined {
  const text = process.env['WG_ENDPOINT_RESOLUTION_RETRIES'];
  if (text === undefined) return undefined;
  if (text === 'infinity') return Number.POSITIVE_INFINITY;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new WgTsError(
    'ERR_USAGE',
    'WG_ENDPOINT_RESOLUTION_RETRIES is neither a number nor infinity',
  );
}

async function runForeground(
  target: Target,
  retries: number | undefined,
  { verbose = false }: UpOptions,
): Promise<number> {
  await startLogging((line) => note(line), { verbose });
  return await runUntilStopped(target, retries, {
    stop: new AbortController(),
    tell: note,
    onReady: () => undefined,
  });
}

/** Speaks to the process that waits until the tunnel is up, and then only to the log. */
async function runDaemon(
  target: Target,
  retries: number | undefined,
  { verbose = false }: UpOptions,
): Promise<number> {
  if (!process.send) throw new WgTsError('ERR_USAGE', '--daemon is for wg-ts itself');
  const earlyLog = process.env['WG_TS_EARLY_LOG'];
  delete process.env['WG_TS_EARLY_LOG'];
  const early: string[] = [];
  const toFile = bounded((text) => process.stderr.write(text));
  let log: LineSink = (line, level, text) => {
    early.push(line);
    if (level === 'warning' || level === 'error') tell(`warning: ${text}`);
    else if (verbose) tell(text);
  };
  await startLogging((...record) => log(...record), { verbose });
  process.on('SIGHUP', () => undefined);
  const stop = new AbortController();
  const giveUp = (): void => stop.abort();
  process.once('disconnect', giveUp);
  // Whoever asked for the tunnel may be gone already.
  if (!process.connected) giveUp();
  const code = await runUntilStopped(target, retries, {
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
  retries: number | undefined,
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
      logger,
      stop: stop.signal,
      onStep: (step) => tell(`[#] ${step}`),
      onWarning: (message) => tell(`warning: ${message}`),
      ...(retries !== undefined && { resolveRetries: retries }),
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
