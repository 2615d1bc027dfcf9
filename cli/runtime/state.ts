import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type { Command } from '../../system/commands.js';
import { removeLogFiles } from './logfile.js';
import type { ProcessIdentity } from './platform.js';
import { runtimeSystem } from './system.js';

/** The record of a tunnel, kept while its process lives. */
export interface TunnelState extends ProcessIdentity {
  /** False while it is still being brought up. */
  readonly ready: boolean;
  /** Commands that undo the changes to the system, in the order of the steps. */
  readonly undo: readonly Command[];
  /** The absolute path of the configuration file. */
  readonly configFile?: string;
}

const STATE = '.json';

/** The folder with the records of running tunnels, so that another process can end or clean them up. */
export class StateFolder {
  readonly path: string;

  readonly #logFolder: string | undefined;

  constructor(folder: string = runtimeSystem().stateFolder()) {
    this.path = folder;
    const isDefault = folder === runtimeSystem().stateFolder();
    this.#logFolder = isDefault ? runtimeSystem().logFolder?.() : folder;
  }

  /** Throws WgTsError when other users can write to the folder: commands in it are run as root. */
  create(): void {
    const { createFolder } = runtimeSystem();
    createFolder(this.path);
    if (this.#logFolder !== undefined && this.#logFolder !== this.path)
      createFolder(this.#logFolder);
  }

  get lockFile(): string {
    return path.join(this.path, 'lock');
  }

  logFile(name: string): string {
    return path.join(this.#logFolder ?? this.path, `${name}.log`);
  }

  hasLog(name: string): boolean {
    return existsSync(this.logFile(name));
  }

  /** The log file until the process has claimed the name. */
  earlyLogFile(pid: number): string {
    return path.join(this.path, `${pid}.starting`);
  }

  /** Returns the names of all tunnels that have a state, even if their process is gone. */
  names(): string[] {
    return listFolder(this.path)
      .filter((file) => file.endsWith(STATE))
      .map((file) => file.slice(0, -STATE.length))
      .sort();
  }

  /** Returns undefined when there is no state, or it cannot be parsed. */
  read(name: string): TunnelState | undefined {
    try {
      return parseState(readFileSync(this.#stateFile(name), 'utf8'));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  /** Replaces the state atomically: even after a crash either the old text or the new one is there. */
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
    replaceFile(temporary, file);
  }

  remove(name: string): void {
    rmSync(`${this.#stateFile(name)}.new`, { force: true });
    rmSync(this.#stateFile(name), { force: true });
  }

  /**
   * Removes files of processes that were killed before or while they wrote their state. The caller has to
   * hold the lock, and the name must be free.
   */
  removeLeftovers(name: string): void {
    rmSync(`${this.#stateFile(name)}.new`, { force: true });
    for (const file of listFolder(this.path)) {
      const pid = /^(\d+)\.starting$/.exec(file)?.[1];
      if (pid !== undefined && runtimeSystem().startTime(Number(pid)) === undefined)
        rmSync(path.join(this.path, file), { force: true });
    }
  }

  /** A ring is kept: it shows the tunnel's last run, and cannot grow. */
  removeLog(name: string): void {
    if (runtimeSystem().logFolder === undefined) removeLogFiles(this.logFile(name));
  }

  #stateFile(name: string): string {
    return path.join(this.path, name + STATE);
  }
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** On Windows a file cannot be replaced while it is being read, so it tries again. */
function replaceFile(from: string, to: string): void {
  for (let attempt = 1; ; attempt += 1) {
    try {
      renameSync(from, to);
      return;
    } catch (error) {
      const isBusy = ['EPERM', 'EACCES', 'EBUSY'].includes(
        (error as NodeJS.ErrnoException).code ?? '',
      );
      if (process.platform !== 'win32' || !isBusy || attempt === 10) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}

function parseState(text: string): TunnelState | undefined {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) return undefined;
  const { pid, startTime, ready, undo, configFile } = value as Partial<
    Record<keyof TunnelState, unknown>
  >;
  if (typeof pid !== 'number' || !Number.isInteger(pid) || pid < 1) return undefined;
  if (typeof startTime !== 'string' || !Array.isArray(undo)) return undefined;
  return {
    pid,
    startTime,
    ready: ready === true,
    undo: undo.filter(isCommand),
    ...(typeof configFile === 'string' && { configFile }),
  };
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
