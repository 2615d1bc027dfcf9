import { setTimeout as sleep } from 'node:timers/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { messageOf, WgTsError } from '../../system/errors.js';
import type { Colors } from '../output.js';
import { note, print, stdoutColors } from '../output.js';
import {
  decodeEntry,
  encodeEntry,
  entryFilter,
  formatEntry,
  type LogEntry,
  type LogFilter,
  type LogLevelName,
} from '../runtime/logentry.js';
import { LineSplitter, LogReader } from '../runtime/logfile.js';
import { isAlive } from '../runtime/process.js';
import { readRingLog } from '../runtime/ringlog.js';
import { RingTail } from '../runtime/ringtail.js';
import { StateFolder } from '../runtime/state.js';
import { controlPipe, requestLog } from '../runtime/stoppipe.js';
import { requireRoot, resolveTarget } from '../target.js';

const POLL_MS = 250;
const LEVELS = ['debug', 'info', 'warning', 'error'] as const;
const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

interface LogsOptions {
  readonly follow?: boolean;
  readonly json?: boolean;
  readonly level?: LogLevelName;
  /** Milliseconds. */
  readonly since?: number;
}

export const logsCommand: Command = new Command('logs')
  .summary('show the log of a tunnel')
  .description(
    'Shows the log of a tunnel that runs in the background or as a service, including why it ended unexpectedly.',
  )
  .argument('<FILE|NAME>', 'as given to up; the file need not exist any more')
  .option('-f, --follow', 'show the log and follow it, across restarts')
  .addOption(
    new Option('-l, --level <LEVEL>', 'only entries of this level or above').choices(LEVELS),
  )
  .option(
    '--since <DURATION>',
    'only entries newer than this, such as 30s, 10m, 2h or 1d',
    parseDuration,
  )
  .option('--json', 'print JSON, one object per line, with the time in UTC')
  .addHelpText(
    'after',
    `
up --verbose adds entries of level debug. On Linux the log is /run/wg-ts/NAME.log, with older entries in
NAME.log.1 and NAME.log.2, 1 MiB each; they are removed with the tunnel. On Windows it is
%ProgramData%\\wg-ts\\log\\NAME.log, a ring of 1 MiB that keeps the newest entries.

Examples:
  sudo wg-ts logs office
  sudo wg-ts logs --follow office
  sudo wg-ts logs --level warning --since 1h office`,
  )
  .action(async (fileOrName: string, options: LogsOptions) => {
    const { name } = resolveTarget(fileOrName);
    requireRoot('logs', `logs ${fileOrName}`);
    const printer = new LogPrinter(name, options, stdoutColors());
    if (process.platform === 'win32') await showByPipe(name, options, printer);
    else await showFile(name, options, printer);
  });

/** Returns milliseconds. Throws InvalidArgumentError, which commander reports as a usage error. */
export function parseDuration(text: string): number {
  const [, number = '', unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (number === '') throw new InvalidArgumentError('such as 30s, 10m, 2h or 1d');
  return Number(number) * UNIT_MS[unit as keyof typeof UNIT_MS];
}

/** Formats the lines of a log as text or as JSON. */
export class LogPrinter {
  readonly #name: string;
  readonly #isJson: boolean;
  readonly #colors: Colors;
  readonly #isWanted: (entry: LogEntry) => boolean;

  constructor(
    name: string,
    { json = false, level, since }: LogsOptions,
    colors: Colors,
    now: number = Date.now(),
  ) {
    this.#name = name;
    this.#isJson = json;
    this.#colors = colors;
    const filter: LogFilter = {
      ...(level !== undefined && { level }),
      ...(since !== undefined && { since: now - since }),
    };
    this.#isWanted = entryFilter(filter);
  }

  /** Each line of the result ends with a line break. */
  format(lines: readonly string[]): string {
    return lines
      .map((line) => decodeEntry(line, this.#name))
      .filter((entry) => this.#isWanted(entry))
      .map((entry) => `${this.#isJson ? encodeEntry(entry) : this.#coloured(entry)}\n`)
      .join('');
  }

  #coloured(entry: LogEntry): string {
    const text = formatEntry(entry);
    if (entry.time === undefined) return text;
    if (entry.level === 'error' || entry.level === 'fatal') return this.#colors.red(text);
    if (entry.level === 'warning') return this.#colors.yellow(text);
    return entry.level === 'debug' ? this.#colors.dim(text) : text;
  }
}

async function showByPipe(
  name: string,
  { follow = false }: LogsOptions,
  printer: LogPrinter,
): Promise<void> {
  const folder = new StateFolder();
  const tail = new RingTail();
  const onText = (text: string): void => print(printer.format(tail.push(text)));
  if (!(await askForLog(name, follow, onText))) {
    if (!folder.hasLog(name)) throw noLog(name);
    print(printer.format(tail.push(readRingLog(folder.logFile(name)))));
  }
  while (follow) {
    note(`${name} is down: waiting for it to come up again`);
    do {
      await sleep(POLL_MS);
      tail.restart();
    } while (!(await askForLog(name, follow, onText)));
  }
}

async function askForLog(
  name: string,
  follow: boolean,
  onText: (text: string) => void,
): Promise<boolean> {
  try {
    return await requestLog(controlPipe(name), { follow }, onText);
  } catch (error) {
    const reason = messageOf(error);
    throw new WgTsError('ERR_NOT_UP', `cannot get the log of ${name}: ${reason}`, { cause: error });
  }
}

async function showFile(
  name: string,
  { follow = false }: LogsOptions,
  printer: LogPrinter,
): Promise<void> {
  const folder = new StateFolder();
  if (!folder.hasLog(name)) throw noLog(name);
  await followLog(folder.logFile(name), {
    follow,
    onLines: (lines) => print(printer.format(lines)),
    isRunning() {
      const state = folder.read(name);
      return state !== undefined && isAlive(state);
    },
    onEnd: () => note(`${name} is down: waiting for it to come up again`),
  });
}

export interface FollowOptions {
  readonly follow: boolean;
  readonly onLines: (lines: readonly string[]) => void;
  readonly isRunning: () => boolean;
  /** Called each time the tunnel has ended, after its last line. */
  readonly onEnd: () => void;
  /** Ends the following, which is otherwise endless. */
  readonly signal?: AbortSignal;
}

/** Passes on what the log holds, and with `follow` what is added to it, also by later runs of the tunnel. */
export async function followLog(file: string, options: FollowOptions): Promise<void> {
  const { follow, onLines, isRunning, onEnd, signal } = options;
  const reader = new LogReader(file);
  const splitter = new LineSplitter();
  const relay = (): void => onLines(splitter.push(reader.read()));
  try {
    relay();
    let wasRunning = true;
    while (follow && !signal?.aborted) {
      // Checked before the file is read, so that everything written before the end is seen.
      const runs = isRunning();
      relay();
      if (wasRunning && !runs) onEnd();
      wasRunning = runs;
      await sleep(POLL_MS);
    }
    relay();
    onLines(splitter.end());
  } finally {
    reader.close();
  }
}

function noLog(name: string): WgTsError {
  return new WgTsError('ERR_NOT_UP', `there is no log of ${name}`, {
    hint: `wg-ts show lists what is up; in the foreground a tunnel logs to its terminal, as a systemd service to the journal: journalctl -u wg-ts@${name}`,
  });
}
