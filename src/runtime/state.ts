import {
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type { Command } from '../../tun/netconfig.js';
import { WgTsError } from '../errors.js';
import type { ProcessIdentity } from './process.js';

/** What is written down of a tunnel while its process lives. */
export interface TunnelState extends ProcessIdentity {
  /** False while it is still being brought up. */
  readonly ready: boolean;
  /** Takes back what was done to the system, given in the order of the steps. */
  readonly undo: readonly Command[];
}

const DEFAULT_FOLDER = '/run/wg-ts';

/** The folder that tells which tunnels run, so that another process can end or clean them up. */
export class StateFolder {
  readonly path: string;

  constructor(folder: string = DEFAULT_FOLDER) {
    this.path = folder;
  }

  /** Throws WgTsError when the folder is not ours alone: what is in it is run as root. */
  create(): void {
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    const status = lstatSync(this.path);
    if (!status.isDirectory() || status.uid !== process.geteuid?.() || (status.mode & 0o022) !== 0)
      throw new WgTsError('ERR_FILE', `${this.path} is not a folder that only root can write to`, {
        hint: `remove it: rm -r ${this.path}`,
      });
    chmodSync(this.path, 0o700);
  }

  get lockFile(): string {
    return path.join(this.path, 'lock');
  }

  logFile(name: string): string {
    return path.join(this.path, `${name}.log`);
  }

  /** Where the log is until the process has claimed the name. */
  earlyLogFile(pid: number): string {
    return path.join(this.path, `${pid}.starting`);
  }

  /** Undefined when there is none, or when it cannot be understood. */
  read(name: string): TunnelState | undefined {
    try {
      return parseState(readFileSync(this.#stateFile(name), 'utf8'));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  /** Either the old text or the new one is there at any moment, also after a crash. */
  write(name: string, state: TunnelState): void {
    const file = this.#stateFile(name);
    const temporary = `${file}.new`;
    rmSync(temporary, { force: true });
    const { O_WRONLY, O_CREAT, O_EXCL } = constants;
    const fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL, 0o600);
    try {
      writeFileSync(fd, JSON.stringify(state));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
  }

  remove(name: string): void {
    rmSync(this.#stateFile(name), { force: true });
    rmSync(`${this.#stateFile(name)}.new`, { force: true });
  }

  removeLog(name: string): void {
    rmSync(this.logFile(name), { force: true });
  }

  #stateFile(name: string): string {
    return path.join(this.path, `${name}.json`);
  }
}

function parseState(text: string): TunnelState | undefined {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) return undefined;
  const { pid, startTime, ready, undo } = value as Partial<Record<keyof TunnelState, unknown>>;
  if (typeof pid !== 'number' || !Number.isInteger(pid) || pid < 1) return undefined;
  if (typeof startTime !== 'string' || !Array.isArray(undo)) return undefined;
  return { pid, startTime, ready: ready === true, undo: undo.filter(isCommand) };
}

function isCommand(value: unknown): value is Command {
  if (typeof value !== 'object' || value === null) return false;
  const { argv, stdin } = value as Partial<Record<keyof Command, unknown>>;
  return (
    Array.isArray(argv) &&
    argv.every((part) => typeof part === 'string') &&
    (stdin === undefined || typeof stdin === 'string')
  );
}
