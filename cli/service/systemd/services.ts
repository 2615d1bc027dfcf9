/** Tunnels as systemd services: instances of one template unit. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
} from 'node:fs';
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { replaceFile } from '../../../src/config/replacefile.js';
import { UndoStack } from '../../../src/program.js';
import { messageOf, WgTsError } from '../../../system/errors.js';
import { pause } from '../../../system/waiting.js';
import type { ServiceSettings } from '../../upoptions.js';
import { type SystemdMachine, thisMachine } from './machine.js';
import {
  canNameUnit,
  instanceDropIn,
  nameOfUnit,
  type SystemdProgram,
  TEMPLATE_UNIT,
  templateUnit,
  unitOf,
} from './unit.js';

export interface SystemdServiceReport {
  readonly name: string;
  /** `running`, `stopped`, `failed`, or another state of systemd. */
  readonly state: string;
  /** 0 when it is not running. */
  readonly pid: number;
}

export interface SystemdInstallOptions extends ServiceSettings {
  readonly name: string;
  /** The configuration file; copied unless it is already the one of this name. */
  readonly file: string;
  readonly program: SystemdProgram;
  readonly start: boolean;
  /** Called with what the service says while it comes up, such as a name that it waits for. */
  readonly onWaiting: (status: string) => void;
  /** Called when a change could not be undone. */
  readonly onError: (message: string) => void;
}

export interface SystemdInstalled {
  /** The file that the service reads. */
  readonly config: string;
  readonly isCopied: boolean;
  /** It was already running, with the previous installation. */
  readonly wasRunning: boolean;
}

const STATES: Readonly<Record<string, string>> = { active: 'running', inactive: 'stopped' };
const DROP_IN = 'wg-ts.conf';
/** Milliseconds between two looks at what a unit that is starting says. */
const STATUS_INTERVAL = 1000;
/** What each service says at first, which is no news. */
const FIRST_STATUS = 'coming up';

/** All methods throw WgTsError; ERR_UNSUPPORTED when systemd is not running. */
export class SystemdServices {
  readonly #machine: SystemdMachine;

  constructor(machine: SystemdMachine = thisMachine) {
    this.#machine = machine;
  }

  /** Installs completely or not at all. */
  async install(options: SystemdInstallOptions): Promise<SystemdInstalled> {
    this.#machine.requireSystemd();
    requireUnitName(options.name);
    const undo = new UndoStack();
    try {
      return await this.#install(options, undo);
    } catch (error) {
      await undo.unwind((step, failure) =>
        options.onError(`cannot undo ${step}: ${messageOf(failure)}`),
      );
      throw error;
    }
  }

  async #install(options: SystemdInstallOptions, undo: UndoStack): Promise<SystemdInstalled> {
    const { name, program, start } = options;
    const unit = unitOf(name);
    const before = await this.#find(name);
    const { config, isCopied } = await this.#provideConfig(options, undo);
    undo.push('daemon-reload', async () => void (await this.#must('daemon-reload')));
    await this.#write(path.join(this.#machine.unitFolder, TEMPLATE_UNIT), undo, {
      text: templateUnit(program, { replacesResolvConf: this.#machine.replacesResolvConf() }),
    });
    await this.#write(this.#dropIn(name), undo, { text: instanceDropIn(options) });
    await this.#must('daemon-reload');
    if (!this.#enabledNames().includes(name))
      undo.push(`enable ${unit}`, async () => void (await this.#must('disable', unit)));
    await this.#must('enable', unit);
    const wasRunning = before !== undefined && before.pid !== 0;
    if (start) {
      if (!wasRunning) undo.push(`start ${unit}`, () => this.#forget(unit));
      await this.#startAndShow(unit, options.onWaiting);
    }
    return { config, isCopied, wasRunning };
  }

  /** A unit of Type=notify has started when the tunnel is up, which may take long. */
  async #startAndShow(unit: string, onWaiting: (status: string) => void): Promise<void> {
    const end = new AbortController();
    const started = this.#must('start', unit).finally(() => end.abort());
    let shown = FIRST_STATUS;
    const show = async (): Promise<void> => {
      for (;;) {
        await pause(STATUS_INTERVAL, { signal: end.signal });
        const args = ['show', '--property=StatusText', '--value', unit];
        const text = (await this.#machine.systemctl(args)).stdout.trim();
        if (end.signal.aborted || text === '' || text === shown) continue;
        shown = text;
        onWaiting(text);
      }
    };
    await Promise.all([started, show().catch(() => undefined)]);
  }

  /** Stops the unit and resets its failed state. */
  async #forget(unit: string): Promise<void> {
    await this.#must('stop', unit);
    // Fails when there is nothing to reset.
    await this.#machine.systemctl(['reset-failed', unit]);
  }

  async #provideConfig(
    { name, file }: SystemdInstallOptions,
    undo: UndoStack,
  ): Promise<{ config: string; isCopied: boolean }> {
    const folder = this.#machine.configFolder;
    const config = path.join(folder, `${name}.conf`);
    if (existsSync(config)) {
      if ((await realpath(config)) === (await realpath(file)) || hasSameText(config, file))
        return { config, isCopied: false };
      throw new WgTsError('ERR_FILE', `${config} already exists, with different content`, {
        hint: `wg-ts service install ${name} uses that one; to replace it: install -m 600 ${file} ${config}`,
      });
    }
    makeFolder(folder, 0o700, undo);
    undo.push(`the copy ${config}`, () => rmSync(config, { force: true }));
    await replaceFile(config, readFileSync(file, 'utf8'));
    return { config, isCopied: true };
  }

  /** Keeps the configuration. Removes the template with the last instance. */
  async uninstall(name: string): Promise<void> {
    await this.#require(name);
    await this.#must('disable', unitOf(name));
    await this.#forget(unitOf(name));
    rmSync(this.#dropIn(name), { force: true });
    removeIfEmpty(path.dirname(this.#dropIn(name)));
    if ((await this.#names()).length === 0)
      rmSync(path.join(this.#machine.unitFolder, TEMPLATE_UNIT), { force: true });
    await this.#must('daemon-reload');
  }

  async start(name: string): Promise<void> {
    await this.#require(name);
    await this.#must('start', unitOf(name));
  }

  async stop(name: string): Promise<void> {
    await this.#require(name);
    await this.#must('stop', unitOf(name));
  }

  /** Resolves to the output of systemctl and its exit code: 0 if the service is running, 3 if not. */
  async status(name: string): Promise<{ readonly text: string; readonly exitCode: number }> {
    await this.#require(name);
    const { status, stdout } = await this.#machine.systemctl([
      'status',
      '--no-pager',
      '--full',
      unitOf(name),
    ]);
    return { text: stdout, exitCode: status };
  }

  async list(): Promise<readonly SystemdServiceReport[]> {
    this.#machine.requireSystemd();
    const names = await this.#names();
    if (names.length === 0) return [];
    const properties = ['Id', 'ActiveState', 'MainPID'].join(',');
    const text = await this.#must('show', `--property=${properties}`, ...names.map(unitOf));
    return text
      .trim()
      .split(/\n{2,}/)
      .flatMap(reportOf);
  }

  async #find(name: string): Promise<SystemdServiceReport | undefined> {
    return (await this.list()).find((report) => report.name === name);
  }

  async #require(name: string): Promise<void> {
    this.#machine.requireSystemd();
    requireUnitName(name);
    if ((await this.#names()).includes(name)) return;
    throw new WgTsError('ERR_NOT_UP', `there is no service for ${name}`, {
      hint: `wg-ts service list shows the services; wg-ts service install ${name} creates one`,
    });
  }

  /** Resolves to the names that are enabled, or known to systemd because they are running or have failed. */
  async #names(): Promise<string[]> {
    const loaded = await this.#must(
      'list-units',
      '--all',
      '--plain',
      '--no-legend',
      '--full',
      unitOf('*'),
    );
    const units = loaded.split('\n').map((line) => line.trim().split(/\s+/)[0] ?? '');
    return [...new Set([...this.#enabledNames(), ...units.flatMap(namesOf)])].sort();
  }

  #enabledNames(): string[] {
    const { unitFolder } = this.#machine;
    if (!existsSync(unitFolder)) return [];
    return readdirSync(unitFolder)
      .filter((folder) => folder.endsWith('.wants'))
      .flatMap((folder) => readdirSync(path.join(unitFolder, folder)))
      .flatMap(namesOf);
  }

  #dropIn(name: string): string {
    return path.join(this.#machine.unitFolder, `${unitOf(name)}.d`, DROP_IN);
  }

  /** Without a text the file is removed. */
  async #write(
    file: string,
    undo: UndoStack,
    { text }: { text: string | undefined },
  ): Promise<void> {
    const old = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
    if (old === text) return;
    makeFolder(path.dirname(file), 0o755, undo);
    undo.push(file, () => put(file, old));
    await put(file, text);
  }

  async #must(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.#machine.systemctl(args);
    if (status === 0) return stdout;
    const command = `systemctl ${args.join(' ')}`;
    const unit = args.find((arg) => nameOfUnit(arg) !== undefined && !arg.includes('*'));
    throw new WgTsError(
      'ERR_SYSTEMD',
      `${command} failed: ${stderr.trim() || `exit code ${status}`}`,
      {
        hint: unit
          ? `journalctl --unit=${unit} shows why`
          : `run it by hand to see why: ${command}`,
      },
    );
  }
}

function requireUnitName(name: string): void {
  if (canNameUnit(name)) return;
  throw new WgTsError('ERR_NAME', `a systemd unit cannot be named after ${name}`, {
    hint: 'rename the file: only letters, digits and _ . - are allowed',
  });
}

function reportOf(block: string): SystemdServiceReport[] {
  const values = new Map(
    block.split('\n').map((line) => {
      const [key = '', ...value] = line.split('=');
      return [key, value.join('=')] as const;
    }),
  );
  const state = values.get('ActiveState') ?? 'unknown';
  const pid = Number(values.get('MainPID') ?? 0);
  return namesOf(values.get('Id') ?? '').map((name) => ({
    name,
    state: STATES[state] ?? state,
    pid,
  }));
}

function namesOf(unit: string): string[] {
  const name = nameOfUnit(unit);
  return name === undefined ? [] : [name];
}

/** Zeroes what it reads, as the files contain private keys. */
function hasSameText(a: string, b: string): boolean {
  const [first, second] = [readFileSync(a), readFileSync(b)];
  const isSame = first.equals(second);
  first.fill(0);
  second.fill(0);
  return isSame;
}

function makeFolder(folder: string, mode: number, undo: UndoStack): void {
  if (existsSync(folder)) return;
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, mode);
  undo.push(folder, () => removeIfEmpty(folder));
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTEMPTY') throw error;
  }
}

/** Units contain no secrets, and systemd warns about units that are not world-readable. */
async function put(file: string, text: string | undefined): Promise<void> {
  if (text === undefined) {
    rmSync(file, { force: true });
    return;
  }
  await replaceFile(file, text);
  chmodSync(file, 0o644);
}
