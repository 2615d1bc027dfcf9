import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ResolvConf } from '../../../../network/linux/resolvconf/resolvconf.js';

const OFFICE = { name: 'office', servers: ['10.0.0.1'], search: ['office.example'] };
const HOME = { name: 'home', servers: ['10.9.9.9'], search: [] };
const BEFORE = 'nameserver 192.0.2.1\nsearch lan\noptions ndots:2';

let folder = '';
let file = '';
let conf: ResolvConf;
/** Interfaces that are up. */
let links: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wg-ts-resolv-'));
  file = join(folder, 'resolv.conf');
  writeFileSync(file, BEFORE);
  chmodSync(file, 0o640);
  links = ['office', 'home'];
  conf = open();
});

afterEach(() => rmSync(folder, { recursive: true }));

/** As another process would. */
function open(foreign?: string): ResolvConf {
  const paths = { file, folder: join(folder, 'run'), base: 'resolv.conf' };
  const run = async (): Promise<{ status: number; stdout: string; stderr: string }> => ({
    status: 0,
    stdout: JSON.stringify(links.map((ifname) => ({ ifname }))),
    stderr: '',
  });
  return new ResolvConf(run, { ...paths, ...(foreign !== undefined && { foreign }) });
}

/** The lines that are no comments. */
function lines(): string[] {
  const all = readFileSync(file, 'utf8').split('\n');
  return all.filter((line) => line !== '' && !line.startsWith('#'));
}

const before = (): string => readFileSync(join(folder, 'run', 'resolv.conf.before'), 'utf8');
const never = (): boolean => false;

function expectAsBefore(): void {
  expect(readFileSync(file, 'utf8')).toBe(BEFORE);
  expect(lstatSync(file).mode & 0o777).toBe(0o640);
  expect(existsSync(join(folder, 'run', 'resolv.conf.before'))).toBe(false);
  expect(existsSync(join(folder, 'run', 'resolv.conf.record'))).toBe(false);
}

it('replaces servers and search, keeps options and mode, and puts all back', async () => {
  await conf.add(OFFICE);
  expect(lines()).toEqual(['nameserver 10.0.0.1', 'search office.example', 'options ndots:2']);
  expect(lstatSync(file).mode & 0o777).toBe(0o640);
  expect(before()).toBe(BEFORE);
  expect(conf.state()).toMatchObject({ writtenFor: ['office'], recordedFor: ['office'] });
  await conf.remove('office');
  expectAsBefore();
});

it.each([
  ['office', 'home', HOME],
  ['home', 'office', OFFICE],
] as const)('stacks tunnels: %s goes before %s', async (first, second, left) => {
  await conf.add(OFFICE);
  await conf.add(HOME);
  expect(lines()[0]).toBe('nameserver 10.9.9.9');
  await conf.remove(first);
  expect(lines()[0]).toBe(`nameserver ${left.servers[0]}`);
  expect(before()).toBe(BEFORE);
  await conf.remove(second);
  expectAsBefore();
});

it('forgets a tunnel whose interface is gone when another one is taken down', async () => {
  await conf.add(OFFICE);
  await conf.add(HOME);
  links = ['home'];
  await conf.remove('home');
  expectAsBefore();
  await conf.remove('office');
  expectAsBefore();
});

it('returns to the tunnel below when the one on top was killed', async () => {
  await conf.add(OFFICE);
  await conf.add(HOME);
  expect(await conf.check(OFFICE, never)).toEqual({ state: 'ours', isShared: true });
  expect(lines()[0]).toBe('nameserver 10.9.9.9');
  links = ['office'];
  expect(await conf.check(OFFICE, never)).toEqual({ state: 'ours' });
  expect(lines()[0]).toBe('nameserver 10.0.0.1');
  await conf.remove('home');
  expect(lines()[0]).toBe('nameserver 10.0.0.1');
  await conf.remove('office');
  expectAsBefore();
});

it('takes what another program has written for the file to put back', async () => {
  await conf.add(OFFICE);
  writeFileSync(file, '# by dhclient\nnameserver 192.0.2.9\n');
  expect(await conf.check(OFFICE, never)).toEqual({ state: 'rewritten', by: 'by dhclient' });
  expect(lines()).toEqual(['nameserver 10.0.0.1', 'search office.example']);
  expect(before()).toContain('192.0.2.9');
  expect(await conf.check(OFFICE, never)).toEqual({ state: 'ours' });
  await conf.remove('office');
  expect(readFileSync(file, 'utf8')).toBe('# by dhclient\nnameserver 192.0.2.9\n');
});

it('undoes a change of its own file, and does not take it for the one before', async () => {
  await conf.add(OFFICE);
  writeFileSync(file, `${readFileSync(file, 'utf8')}nameserver 192.0.2.9\n`);
  expect(await conf.check(OFFICE, never)).toEqual({ state: 'rewritten' });
  expect(lines()[0]).toBe('nameserver 10.0.0.1');
  await conf.remove('office');
  expectAsBefore();
});

it('puts back a file that was removed', async () => {
  await conf.add(OFFICE);
  rmSync(file);
  expect(await conf.check(OFFICE, never)).toEqual({ state: 'rewritten' });
  expect(lines()[0]).toBe('nameserver 10.0.0.1');
  await conf.remove('office');
  expect(existsSync(file)).toBe(false);
});

it('changes nothing when it is too late', async () => {
  await conf.add(OFFICE);
  writeFileSync(file, 'nameserver 192.0.2.9\n');
  expect(await conf.check(OFFICE, () => true)).toEqual({ state: 'ours' });
  expect(lines()).toEqual(['nameserver 192.0.2.9']);
});

it('leaves alone a file that another program has written, when it is undone', async () => {
  await conf.add(OFFICE);
  writeFileSync(file, 'nameserver 192.0.2.9\n');
  await conf.remove('office');
  expect(readFileSync(file, 'utf8')).toBe('nameserver 192.0.2.9\n');
  expect(existsSync(join(folder, 'run', 'resolv.conf.record'))).toBe(false);
});

it('puts a symbolic link back, whether it led somewhere or not', async () => {
  const target = join(folder, 'managed.conf');
  for (const exists of [true, false]) {
    rmSync(file, { force: true });
    rmSync(target, { force: true });
    if (exists) writeFileSync(target, BEFORE);
    symlinkSync('managed.conf', file);
    await conf.add(OFFICE);
    expect(lstatSync(file).isFile()).toBe(true);
    expect(lines().includes('options ndots:2')).toBe(exists);
    expect(before()).toBe(exists ? BEFORE : '');
    await conf.remove('office');
    expect(readlinkSync(file)).toBe('managed.conf');
    expect(existsSync(target)).toBe(exists);
  }
});

it('makes a file where there is none, and removes it again', async () => {
  rmSync(file);
  await conf.add(OFFICE);
  expect(lines()).toEqual(['nameserver 10.0.0.1', 'search office.example']);
  expect(lstatSync(file).mode & 0o777).toBe(0o644);
  await conf.remove('office');
  expect(existsSync(file)).toBe(false);
});

it('is restored from the file itself when all in /run is lost', async () => {
  await conf.add(OFFICE);
  rmSync(join(folder, 'run'), { recursive: true });
  links = [];
  expect(await conf.left('home')).toEqual([]);
  expect(await conf.left('office')).toEqual(['office']);
  expect(await conf.left()).toEqual(['office']);
  await conf.remove('home');
  expect(lines()[0]).toBe('nameserver 10.0.0.1');
  await open().remove('office');
  expectAsBefore();
});

it('takes the quoted file for the one before when all in /run is lost and a tunnel comes', async () => {
  await conf.add(OFFICE);
  rmSync(join(folder, 'run'), { recursive: true });
  await conf.add(HOME);
  expect(before()).toBe(BEFORE);
  await conf.remove('home');
  expectAsBefore();
});

it('is not left behind while a tunnel in it is up', async () => {
  expect(await conf.left()).toEqual([]);
  await conf.add(OFFICE);
  expect(await conf.left()).toEqual([]);
});

it('never touches the file of another network namespace', async () => {
  const foreign = open('it is that of another network namespace too');
  expect(foreign.state().fixed).toContain('another network namespace');
  await expect(foreign.add(OFFICE)).rejects.toThrow('another network namespace');
  await conf.add(OFFICE);
  const ours = readFileSync(file, 'utf8');
  links = [];
  expect(await foreign.left()).toEqual([]);
  await foreign.remove('office');
  expect(readFileSync(file, 'utf8')).toBe(ours);
});

it('is written by one process at a time', async () => {
  const names = Array.from({ length: 12 }, (_, i) => `t${i}`);
  links = names;
  await Promise.all(names.map((name) => open().add({ ...OFFICE, name })));
  expect(conf.state().recordedFor.toSorted()).toEqual(names.toSorted());
  await Promise.all(names.map((name) => open().remove(name)));
  expectAsBefore();
});
