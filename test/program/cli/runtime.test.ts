import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimName } from '../../../cli/runtime/claim.js';
import { withLock } from '../../../cli/runtime/lock.js';
import { isAlive, ownIdentity, type ProcessIdentity } from '../../../cli/runtime/process.js';
import { StateFolder } from '../../../cli/runtime/state.js';
import { stopTunnel } from '../../../cli/runtime/stop.js';

/** No interface and no socket has this name. */
const NAME = 'wgts-unit-test';

let folder: StateFolder;
beforeEach(() => {
  folder = new StateFolder(path.join(mkdtempSync(path.join(tmpdir(), 'wg-ts-state-')), 'run'));
});
afterEach(() => rmSync(path.dirname(folder.path), { recursive: true, force: true }));

const GONE: ProcessIdentity = { ...ownIdentity(), startTime: '1' };
const mark = (text: string) => ({ argv: ['sh', '-c', `echo ${text} >> ${folder.path}/marks`] });

function claim(notes: string[] = []): ReturnType<typeof claimName> {
  return claimName(NAME, { folder, onRecovery: (note) => notes.push(note) });
}

describe('a process', () => {
  it('is alive as long as it runs, unlike another one with its number', async () => {
    expect(isAlive(ownIdentity())).toBe(true);
    expect(isAlive(GONE)).toBe(false);
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    const { pid = 0 } = child;
    const other = { pid, startTime: ownIdentity().startTime };
    expect(isAlive(other)).toBe(false);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(isAlive({ ...other, pid })).toBe(false);
  });
});

describe('a lock', () => {
  it('lets one in at a time, and is open again after an error', async () => {
    folder.create();
    const events: string[] = [];
    const visit = (who: string): Promise<void> =>
      withLock(folder.lockFile, async () => {
        events.push(`${who} in`);
        await sleep(20);
        events.push(`${who} out`);
      });
    await Promise.all([visit('a'), visit('b'), visit('c')]);
    for (let i = 0; i < 6; i += 2) expect(events[i + 1]).toBe(events[i]?.replace('in', 'out'));
    const failing = withLock(folder.lockFile, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    await visit('d');
  });
});

describe('the state folder', () => {
  it('is for its owner only, with what is in it', () => {
    folder.create();
    folder.write(NAME, { ...ownIdentity(), ready: true, undo: [] });
    expect(statSync(folder.path).mode & 0o777).toBe(0o700);
    expect(statSync(path.join(folder.path, `${NAME}.json`)).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder.path)).toEqual([`${NAME}.json`]);
  });

  it('is refused when others can write to it', () => {
    folder.create();
    chmodSync(folder.path, 0o777);
    expect(() => folder.create()).toThrow(/only root can write/);
  });

  it('reads what it wrote, and nothing that it did not', () => {
    folder.create();
    const state = {
      ...ownIdentity(),
      ready: false,
      undo: [{ argv: ['a', 'b'] }, { argv: ['c'], stdin: 'text' }],
    };
    expect(folder.read(NAME)).toBeUndefined();
    folder.write(NAME, state);
    expect(folder.read(NAME)).toEqual(state);
    for (const text of [
      '',
      '{',
      '[]',
      'null',
      '{"pid":1}',
      '{"pid":-1,"startTime":"1","undo":[]}',
    ]) {
      writeFileSync(path.join(folder.path, `${NAME}.json`), text);
      expect(folder.read(NAME)).toBeUndefined();
    }
  });
});

describe('a name', () => {
  it('is claimed by one, and free again after release', async () => {
    const results = await Promise.allSettled([claim(), claim(), claim()]);
    const [won, ...more] = results.filter((result) => result.status === 'fulfilled');
    expect(more).toEqual([]);
    const lost = results.filter((result) => result.status === 'rejected');
    expect(lost.map(({ reason }) => String(reason.message))).toEqual(
      Array(2).fill(`${NAME} is already being brought up (pid ${process.pid}): wg-ts down ${NAME}`),
    );
    won?.value.ready();
    await expect(claim()).rejects.toMatchObject({
      code: 'ERR_ALREADY_UP',
      message: `${NAME} is already up (pid ${process.pid}): wg-ts down ${NAME}`,
    });
    won?.value.release();
    (await claim()).release();
    expect(readdirSync(folder.path)).toEqual(['lock']);
  });

  it('of a process that is gone is cleaned up first, last step first', async () => {
    folder.create();
    folder.write(NAME, { ...GONE, ready: true, undo: [mark('first'), mark('second')] });
    writeFileSync(folder.logFile(NAME), 'old');
    const notes: string[] = [];
    const taken = await claim(notes);
    expect(notes).toEqual([expect.stringContaining(`process ${GONE.pid} is gone`)]);
    const { readFileSync } = await import('node:fs');
    expect(readFileSync(path.join(folder.path, 'marks'), 'utf8')).toBe('second\nfirst\n');
    expect(existsSync(folder.logFile(NAME))).toBe(false);
    expect(folder.read(NAME)).toEqual({ ...ownIdentity(), ready: false, undo: [] });
    taken.release();
  });

  it('has its steps written down', async () => {
    const taken = await claim();
    taken.record([mark('x')]);
    taken.ready();
    expect(folder.read(NAME)).toEqual({ ...ownIdentity(), ready: true, undo: [mark('x')] });
    taken.release({ keepLog: true });
  });

  it('has the file written down that it came from', async () => {
    const taken = await claimName(NAME, { folder, configFile: '/etc/wireguard/a.conf' });
    taken.ready();
    expect(folder.read(NAME)?.configFile).toBe('/etc/wireguard/a.conf');
    taken.release();
  });

  it('is freed of what a process left that was killed before it had written anything', async () => {
    folder.create();
    // Numbers of processes end long before the first one.
    const files = ['2000000000.starting', `${NAME}.json.new`, `${process.pid}.starting`];
    for (const verb of ['claimed', 'stopped']) {
      for (const file of files) writeFileSync(path.join(folder.path, file), '');
      if (verb === 'claimed') (await claim()).release();
      else await expect(stopTunnel(NAME, { folder })).rejects.toMatchObject({ code: 'ERR_NOT_UP' });
      expect(readdirSync(folder.path).sort(), verb).toEqual([`${process.pid}.starting`, 'lock']);
    }
  });

  it.skipIf(process.platform !== 'linux')(
    'is cleaned up when what the process had started has ended',
    async () => {
      folder.create();
      folder.write(NAME, { ...GONE, ready: true, undo: [mark('undone')] });
      const late = `sleep 0.3; echo late >> ${folder.path}/marks`;
      const env = { ...process.env, WG_TS_STARTED_BY: String(GONE.pid) };
      const child = spawn('sh', ['-c', late], { env });
      await once(child, 'spawn');
      await stopTunnel(NAME, { folder });
      const { readFileSync } = await import('node:fs');
      expect(readFileSync(path.join(folder.path, 'marks'), 'utf8')).toBe('late\nundone\n');
    },
  );

  it.skipIf(process.platform !== 'linux')(
    'of an interface of another program is refused',
    async () => {
      const refused = claimName('lo', { folder });
      await expect(refused).rejects.toThrow('interface lo already exists');
      expect(folder.read('lo')).toBeUndefined();
    },
  );
});

describe('stopping', () => {
  /** A process of its own that stands for the tunnel's. */
  async function running(script: string): Promise<ProcessIdentity> {
    const child = spawn(process.execPath, ['-e', `${script}; console.log('on')`]);
    await once(child.stdout, 'data');
    const { pid = 0 } = child;
    const { readFileSync } = await import('node:fs');
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return { pid, startTime: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '' };
  }

  it('fails for what is not up, and points to a log that was left', async () => {
    folder.create();
    await expect(stopTunnel(NAME, { folder })).rejects.toMatchObject({ code: 'ERR_NOT_UP' });
    writeFileSync(folder.logFile(NAME), 'why');
    await expect(stopTunnel(NAME, { folder })).rejects.toMatchObject({
      hint: expect.stringContaining(folder.logFile(NAME)),
    });
  });

  it('asks the process to end, and cleans up what it leaves', async () => {
    folder.create();
    const target = await running('setInterval(() => {}, 1000)');
    folder.write(NAME, { ...target, ready: true, undo: [mark('undone')] });
    expect(await stopTunnel(NAME, { folder })).toEqual([mark('undone')]);
    expect(isAlive(target)).toBe(false);
    expect(existsSync(path.join(folder.path, 'marks'))).toBe(true);
    expect(folder.read(NAME)).toBeUndefined();
  });

  it('of one that is gone cleans up, and touches no other process', async () => {
    folder.create();
    folder.write(NAME, { ...GONE, ready: true, undo: [mark('undone')] });
    const notes: string[] = [];
    await stopTunnel(NAME, { folder, onNote: (note) => notes.push(note) });
    expect(notes).toEqual([expect.stringContaining('is gone: cleaning up')]);
    expect(existsSync(path.join(folder.path, 'marks'))).toBe(true);
  });
});
