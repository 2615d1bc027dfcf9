import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readFile, realpath, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { messageOf } from './errors.js';

/** A program and its arguments, run without a shell. */
export interface Command {
  /** The program, followed by its arguments. */
  readonly argv: readonly string[];
  /** The program's standard input. */
  readonly stdin?: string;
}

export interface RunResult {
  /** Exit code; 127 when there is no such program. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command. Never rejects: every failure is a status. */
export type Runner = (command: Command) => Promise<RunResult>;

/** What the network configuration needs from the machine, so that tests can replace it. */
export interface System {
  readonly run: Runner;
  /** Resolves to the text of a file, or undefined when it cannot be read. */
  read(path: string): Promise<string | undefined>;
  /** Writes a file that exists. Resolves to the code of the failure, such as EROFS; undefined: done. */
  write(path: string, text: string): Promise<string | undefined>;
  /** Resolves to the real path of a program, or undefined when it is not found. */
  find(program: string): Promise<string | undefined>;
}

/** Environment variable of each program: the PID of the process that started it, which may die first. */
export const STARTED_BY: string = 'WG_TS_STARTED_BY';

const TIMEOUT_MS = 20_000;
const NO_SUCH_PROGRAM = 127;
/** Includes the folders of administration programs, for a PATH that leaves them out. */
const SEARCH_PATH = [process.env['PATH'] ?? '', '/usr/sbin', '/sbin', '/usr/bin', '/bin']
  .filter((part) => part !== '')
  .join(delimiter);

export const realSystem: System = {
  run: runCommand,
  async read(path) {
    try {
      return await readFile(path, 'utf8');
    } catch {
      return undefined;
    }
  },
  async write(path, text) {
    try {
      await writeFile(path, text, { flag: constants.O_WRONLY });
      return undefined;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? messageOf(error);
    }
  },
  async find(program) {
    for (const folder of SEARCH_PATH.split(delimiter)) {
      const path = join(folder, program);
      try {
        await access(path, constants.X_OK);
        return await realpath(path);
      } catch {
        // Not in this folder.
      }
    }
    return undefined;
  },
};

/** Runs in a session of its own: a second Ctrl-C must not end the undo that the first one began. */
function runCommand({ argv, stdin }: Command): Promise<RunResult> {
  const [program = '', ...args] = argv;
  // Messages are compared below, so they must not be translated.
  const env = {
    ...process.env,
    PATH: SEARCH_PATH,
    LC_ALL: 'C',
    [STARTED_BY]: String(process.pid),
  };
  return new Promise((resolve) => {
    const child = spawn(program, args, { env, detached: true });
    // Not spawn's own `timeout`: for a program that cannot be started its timer is never cleared and
    // keeps the process alive.
    const timer = setTimeout(() => child.kill(), TIMEOUT_MS);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    const end = (status: number, message = Buffer.concat(stderr).toString()): void => {
      clearTimeout(timer);
      resolve({ status, stdout: Buffer.concat(stdout).toString(), stderr: message });
    };
    child.once('error', (error: NodeJS.ErrnoException) => {
      // EACCES: a folder of PATH that this user may not look into hides the real reason.
      if (error.code === 'ENOENT' || error.code === 'EACCES')
        end(NO_SUCH_PROGRAM, `${program} is not installed`);
      else end(1, error.message);
    });
    child.once('close', (code) => {
      if (child.killed) end(1, `no answer within ${TIMEOUT_MS / 1000} s`);
      else end(code ?? 1);
    });
    // A program that ends without reading its input is judged by its status.
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin ?? '');
  });
}

/** Returns the command as typed in a shell. */
export function commandText(command: Command): string {
  return command.argv
    .map((part) => (/^[\w@%+=:,./~!-]+$/.test(part) ? part : `'${part}'`))
    .join(' ');
}

/** Resolves to the output of `ip -json ...`; an empty list when the command fails or prints nothing. */
export async function queryJson<Row>(run: Runner, argv: readonly string[]): Promise<Row[]> {
  const result = await run({ argv });
  if (result.status !== 0) return [];
  try {
    const parsed: unknown = JSON.parse(result.stdout);
    return Array.isArray(parsed) ? (parsed as Row[]) : [];
  } catch {
    return [];
  }
}
