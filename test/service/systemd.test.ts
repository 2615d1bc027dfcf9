import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  changeableByOthers,
  type SystemctlResult,
  type SystemdMachine,
} from '../../cli/service/systemd/machine.js';
import { type SystemdInstallOptions, SystemdServices } from '../../cli/service/systemd/services.js';
import { WgTsError } from '../../system/errors.js';
import { isRoot } from '../program/support.js';

/** systemd as far as it is asked here: it remembers in memory what runs, and links what is enabled. */
class PretendedMachine implements SystemdMachine {
  readonly unitFolder: string;
  readonly configFolder: string;
  readonly active = new Set<string>();
  readonly failed = new Set<string>();
  readonly asked: string[] = [];
  /** Commands that fail, by their verb. */
  readonly refused = new Set<string>();
  /** What a service says while it starts, and what its start waits for. */
  status = '';
  whileStarting: Promise<unknown> = Promise.resolve();

  constructor(folder: string) {
    this.unitFolder = path.join(folder, 'units');
    this.configFolder = path.join(folder, 'wireguard');
    mkdirSync(this.unitFolder);
  }

  requireSystemd(): void {}

  replacesResolvConf(): boolean {
    return true;
  }

  async systemctl(args: readonly string[]): Promise<SystemctlResult> {
    this.asked.push(args.join(' '));
    const [verb = '', ...rest] = args;
    if (this.refused.has(verb)) {
      if (verb === 'start') this.failed.add(rest.at(-1) ?? '');
      return { status: 1, stdout: '', stderr: `Job for ${rest.join(' ')} failed.\n` };
    }
    if (rest.includes('--property=StatusText'))
      return { status: 0, stdout: `${this.status}\n`, stderr: '' };
    if (verb === 'start') await this.whileStarting;
    return { status: 0, stdout: this.#do(verb, rest), stderr: '' };
  }

  #do(verb: string, args: readonly string[]): string {
    const unit = args.at(-1) ?? '';
    const link = path.join(this.unitFolder, 'multi-user.target.wants', unit);
    switch (verb) {
      case 'enable':
        mkdirSync(path.dirname(link), { recursive: true });
        if (!existsSync(link)) symlinkSync(path.join(this.unitFolder, 'wg-ts@.service'), link);
        return '';
      case 'disable':
        rmSync(link, { force: true });
        return '';
      case 'start':
        this.active.add(unit);
        return '';
      case 'stop':
        this.active.delete(unit);
        return '';
      case 'reset-failed':
        this.failed.delete(unit);
        return '';
      case 'list-units':
        return [...this.active, ...this.failed].map((one) => `${one} loaded\n`).join('');
      case 'show':
        return args
          .slice(1)
          .map((one) => this.#show(one))
          .join('\n');
      default:
        return '';
    }
  }

  #show(unit: string): string {
    const isActive = this.active.has(unit);
    const state = isActive ? 'active' : this.failed.has(unit) ? 'failed' : 'inactive';
    return `MainPID=${isActive ? 77 : 0}\nId=${unit}\nActiveState=${state}\n`;
  }
}

let folder: string;
let machine: PretendedMachine;
let services: SystemdServices;
let office: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-systemd-'));
  machine = new PretendedMachine(folder);
  services = new SystemdServices(machine);
  office = path.join(folder, 'office.conf');
  writeFileSync(office, 'the text of office\n', { mode: 0o644 });
});
afterEach(() => rmSync(folder, { recursive: true }));

const options = (more: Partial<SystemdInstallOptions> = {}): SystemdInstallOptions => ({
  name: 'office',
  file: office,
  program: { node: '/usr/bin/node', main: '/usr/lib/wg-ts/main.js' },
  start: true,
  onWaiting: (status) => expect.fail(status),
  onError: (message) => expect.fail(message),
  ...more,
});

/** Every file below, with its mode and text. */
function everything(): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => {
      const status = statSync(path.join(folder, name), { throwIfNoEntry: false });
      const text = status?.isFile() ? readFileSync(path.join(folder, name), 'utf8') : '';
      return `${name} ${status?.mode.toString(8)} ${text}`;
    })
    .sort();
}

async function failureOf(work: Promise<unknown>): Promise<WgTsError> {
  const error: unknown = await work.then(
    () => expect.fail('it did not fail'),
    (one) => one,
  );
  if (error instanceof WgTsError) return error;
  throw error;
}

const template = (): string => path.join(machine.unitFolder, 'wg-ts@.service');
const copy = (): string => path.join(machine.configFolder, 'office.conf');
const dropIn = (): string => path.join(machine.unitFolder, 'wg-ts@office.service.d/wg-ts.conf');

describe('install', () => {
  it('copies the file for root alone, writes the unit for all users, enables and starts', async () => {
    const installed = await services.install(options());
    expect(installed).toEqual({ config: copy(), isCopied: true, wasRunning: false });
    expect(readFileSync(copy(), 'utf8')).toBe('the text of office\n');
    expect(statSync(copy()).mode & 0o777).toBe(0o600);
    expect(statSync(machine.configFolder).mode & 0o777).toBe(0o700);
    expect(statSync(template()).mode & 0o777).toBe(0o644);
    expect(readFileSync(template(), 'utf8')).toContain(
      'ExecStart=/usr/bin/node /usr/lib/wg-ts/main.js up --foreground %i\n',
    );
    expect(await services.list()).toEqual([{ name: 'office', state: 'running', pid: 77 }]);
  });

  it('reloads systemd between the unit and its start', async () => {
    await services.install(options());
    const verbs = machine.asked.map((line) => line.split(' ')[0]);
    expect(verbs.indexOf('daemon-reload')).toBeLessThan(verbs.indexOf('enable'));
    expect(verbs.indexOf('enable')).toBeLessThan(verbs.indexOf('start'));
  });

  it('starts nothing when asked not to', async () => {
    await services.install(options({ start: false }));
    expect(await services.list()).toEqual([{ name: 'office', state: 'stopped', pid: 0 }]);
  });

  it('takes the file that is there, and one with the same text', async () => {
    mkdirSync(machine.configFolder);
    writeFileSync(copy(), 'the text of office\n');
    expect(await services.install(options())).toMatchObject({ isCopied: false });
    expect(await services.install(options({ file: copy() }))).toMatchObject({
      isCopied: false,
      wasRunning: true,
    });
  });

  it('refuses to replace another text, and changes nothing', async () => {
    mkdirSync(machine.configFolder);
    writeFileSync(copy(), 'another text\n');
    const before = everything();
    const error = await failureOf(services.install(options()));
    expect(error.code).toBe('ERR_FILE');
    expect(error.hint).toContain('install -m 600');
    expect(everything()).toEqual(before);
  });

  it.each(['daemon-reload', 'enable', 'start'])('leaves nothing when %s fails', async (verb) => {
    const before = everything();
    machine.refused.add(verb);
    const errors: string[] = [];
    const onError = (message: string): void => void errors.push(message);
    const error = await failureOf(services.install(options({ workers: 2, onError })));
    expect(error.code).toBe('ERR_SYSTEMD');
    expect(error.message).toContain(`systemctl ${verb}`);
    expect(error.hint).toBeTruthy();
    rmSync(path.join(machine.unitFolder, 'multi-user.target.wants'), {
      recursive: true,
      force: true,
    });
    expect(everything()).toEqual(before);
    expect([machine.active.size, machine.failed.size]).toEqual([0, 0]);
    expect(errors).toHaveLength(verb === 'daemon-reload' ? 1 : 0);
  });

  it('leaves an older unit, and its instances, as they were when it fails', async () => {
    await services.install(options());
    writeFileSync(template(), 'older');
    const before = everything();
    machine.refused.add('start');
    await failureOf(services.install(options({ workers: 2 })));
    expect(everything()).toEqual(before);
    expect(machine.active).toEqual(new Set(['wg-ts@office.service']));
  });

  it('keeps the choice of the data plane beside the unit, and forgets it again', async () => {
    await services.install(options({ dataPlane: 'portable', workers: 3 }));
    expect(readFileSync(dropIn(), 'utf8')).toBe(
      '[Service]\nEnvironment=WG_TS_DATAPLANE=portable\nEnvironment=WG_TS_WORKERS=3\n',
    );
    await services.install(options());
    expect(existsSync(dropIn())).toBe(false);
  });

  it.each(['a+b', 'a=b'])('refuses %s, which no unit can be called', async (name) => {
    const error = await failureOf(services.install(options({ name })));
    expect(error.code).toBe('ERR_NAME');
    expect(machine.asked).toEqual([]);
  });
});

describe('install, while the tunnel comes up', () => {
  it('shows what the service waits for', async () => {
    const waiting = 'cannot resolve vpn.example yet: trying again in 1.0 s';
    const shown: string[] = [];
    machine.status = waiting;
    let up = (): void => undefined;
    machine.whileStarting = new Promise<void>((resolve) => {
      up = resolve;
    });
    const onWaiting = (status: string): void => {
      shown.push(status);
      up();
    };
    await services.install(options({ onWaiting }));
    expect(shown).toEqual([waiting]);
  });
});

describe('uninstall', () => {
  it('keeps the configuration, and the template while another uses it', async () => {
    await services.install(options({ workers: 2 }));
    const home = path.join(folder, 'home.conf');
    writeFileSync(home, 'home\n');
    await services.install(options({ name: 'home', file: home }));

    await services.uninstall('office');
    expect(await services.list()).toEqual([{ name: 'home', state: 'running', pid: 77 }]);
    expect([existsSync(template()), existsSync(copy())]).toEqual([true, true]);
    expect(existsSync(path.dirname(dropIn()))).toBe(false);

    await services.uninstall('home');
    expect(existsSync(template())).toBe(false);
    expect(await services.list()).toEqual([]);
  });

  it('forgets one that has failed', async () => {
    await services.install(options({ start: false }));
    machine.failed.add('wg-ts@office.service');
    expect(await services.list()).toEqual([{ name: 'office', state: 'failed', pid: 0 }]);
    await services.uninstall('office');
    expect(await services.list()).toEqual([]);
  });

  it.each(['uninstall', 'start', 'stop', 'status'] as const)(
    '%s reports that there is no such service',
    async (verb) => {
      const error = await failureOf(services[verb]('none'));
      expect(error.code).toBe('ERR_NOT_UP');
      expect(error.hint).toContain('wg-ts service install none');
    },
  );
});

it('start and stop do what they say', async () => {
  await services.install(options());
  await services.stop('office');
  expect(machine.active.size).toBe(0);
  await services.start('office');
  expect(machine.active.size).toBe(1);
});

it.runIf(isRoot())('what users other than root may change is found, at any depth', () => {
  const program = path.join(folder, 'a/b/main.js');
  mkdirSync(path.dirname(program), { recursive: true });
  writeFileSync(program, '');
  expect(changeableByOthers(program)).toBeUndefined();
  chmodSync(path.join(folder, 'a'), 0o775);
  expect(changeableByOthers(program)).toBe(path.join(folder, 'a'));
  chmodSync(path.join(folder, 'a'), 0o755);
  chownSync(program, 65_534, 0);
  expect(changeableByOthers(program)).toBe(program);
});
