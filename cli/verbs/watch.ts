import { Command, InvalidArgumentError } from 'commander';
import { WgTsError } from '../../system/errors.js';
import { checkInterfaceName } from '../../system/interfacename.js';
import { print, stdoutColors } from '../output.js';
import { requireRoot } from '../target.js';

interface WatchFlags {
  readonly interval: number;
  readonly once?: boolean;
  readonly json?: boolean;
}

const MIN_SECONDS = 0.1;
const MAX_SECONDS = 3600;
const ENDING_SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

export const watchCommand: Command = new Command('watch')
  .summary('watch the traffic of tunnels')
  .description(
    'Shows the peers of one interface or of all, with the traffic from and to them, and keeps updating. q and Ctrl-C end it.',
  )
  .argument('[NAME]', 'the name of an interface, or all', 'all')
  .option('-i, --interval <SECONDS>', 'the time between two readings', parseSeconds, 1)
  .option('--once', 'read twice, print the rates, and exit')
  .option('--json', 'print JSON, one object per line, in bytes and seconds')
  .addHelpText(
    'after',
    `
Without a terminal it prints a block of lines for each reading. If an interface goes down, watch waits
for it to come back. WG_COLOR_MODE (always, never, auto) and NO_COLOR are respected.

Examples:
  sudo wg-ts watch
  sudo wg-ts watch office --interval 5
  sudo wg-ts watch --once --json`,
  )
  .action(async (name: string, flags: WatchFlags) => {
    if (name !== 'all') checkInterfaceName(name);
    requireRoot('watch', name === 'all' ? 'watch' : `watch ${name}`);
    const end = new AbortController();
    for (const signal of ENDING_SIGNALS) process.on(signal, () => end.abort());
    const watched = {
      ...(name !== 'all' && { name }),
      intervalSeconds: flags.interval,
      signal: end.signal,
    };
    if (watched.name !== undefined) await expectUp(watched.name);
    const isPlain = flags.once || flags.json || process.stdout.isTTY !== true;
    if (isPlain) await printStates(watched, flags);
    else {
      const { watchOnScreen } = await import('../watch/watch.js');
      await watchOnScreen(watched, stdoutColors());
    }
  });

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (/^\d{1,4}(\.\d{1,3})?$/.test(text) && seconds >= MIN_SECONDS && seconds <= MAX_SECONDS)
    return seconds;
  throw new InvalidArgumentError(`It must be ${MIN_SECONDS} to ${MAX_SECONDS} seconds.`);
}

/** Throws WgTsError: watch would wait forever for a mistyped name. */
async function expectUp(name: string): Promise<void> {
  const { readInterfaces } = await import('../watch/reading.js');
  const { interfaces, failures } = await readInterfaces(name);
  if (interfaces.length > 0 || failures.length > 0) return;
  throw new WgTsError('ERR_NOT_UP', `${name} is not up`, {
    hint: 'wg-ts show interfaces lists what is up; wg-ts watch waits for any interface',
  });
}

async function printStates(
  watched: {
    readonly name?: string;
    readonly intervalSeconds: number;
    readonly signal: AbortSignal;
  },
  { once = false, json = false }: WatchFlags,
): Promise<void> {
  const [{ watchStates }, { plainLines, watchJson }] = await Promise.all([
    import('../watch/watch.js'),
    import('../watch/plain.js'),
  ]);
  for await (const state of watchStates(watched)) {
    // The first one has no rates.
    if (once && state.elapsedSeconds === undefined) continue;
    if (json) print(`${JSON.stringify(watchJson(state))}\n`);
    else print(`${plainLines(state, watched.name).join('\n')}\n\n`);
    if (once) return;
  }
}
