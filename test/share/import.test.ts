import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { zipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { candidatesOf } from '../../cli/share/candidates.js';
import { FolderDestination, importConfigs } from '../../cli/share/import.js';
import { KEYS, TEXT } from './support.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const zip = (entries: Record<string, string>): Uint8Array =>
  zipSync(Object.fromEntries(Object.entries(entries).map(([name, text]) => [name, bytes(text)])));

let folder: string;
let to: FolderDestination;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-import-'));
  to = new FolderDestination(path.join(folder, 'made'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const written = (): string[] =>
  existsSync(path.join(folder, 'made')) ? readdirSync(path.join(folder, 'made')).sort() : [];

describe('importing', () => {
  it('keeps the text as it is, for its owner alone', async () => {
    const text = `\ufeff${TEXT.replaceAll('\n', '\r\n')}`;
    const report = await importConfigs(candidatesOf('/media/office.conf', bytes(text)), to);
    const file = path.join(folder, 'made', 'office.conf');
    expect(report.imported).toEqual([{ name: 'office', origin: '/media/office.conf', file }]);
    expect(readFileSync(file, 'utf8')).toBe(text);
    if (process.platform === 'win32') return;
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700);
  });

  it('takes all that a zip has', async () => {
    const entries = { 'office.conf': TEXT, 'home.conf': TEXT };
    const candidates = candidatesOf('export.zip', zip(entries));
    expect(candidates.map(({ name, origin }) => [name, origin])).toEqual([
      ['office', 'export.zip:office.conf'],
      ['home', 'export.zip:home.conf'],
    ]);
    await importConfigs(candidates, to);
    expect(written()).toEqual(['home.conf', 'office.conf']);
  });

  it('takes none when one has a mistake, and says where', async () => {
    const bad = TEXT.replace('10.20.0.7/32', '10.20.0.777');
    const candidates = candidatesOf('export.zip', zip({ 'a.conf': TEXT, 'b.conf': bad }));
    await expect(importConfigs(candidates, to)).rejects.toThrow(
      /^export.zip:b.conf:4:11: Address: /,
    );
    expect(written()).toEqual([]);
  });

  it('replaces nothing unless it is asked to', async () => {
    const again = () => candidatesOf('office.conf', bytes(`${TEXT}# new\n`));
    await importConfigs(candidatesOf('office.conf', bytes(TEXT)), to);
    const file = to.fileOf('office');
    await expect(importConfigs(again(), to)).rejects.toMatchObject({
      code: 'ERR_FILE',
      message: expect.stringContaining('office.conf already exists'),
      hint: expect.stringContaining('--force'),
    });
    expect(readFileSync(file, 'utf8')).toBe(TEXT);
    chmodSync(file, 0o644);
    await importConfigs(again(), to, { force: true });
    expect(readFileSync(file, 'utf8')).toBe(`${TEXT}# new\n`);
    if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('removes what it wrote when it cannot go on', async () => {
    const kept = new Map<string, string>([['old', 'old']]);
    const candidates = ['old', 'new', 'broken'].map((name) => ({ name, origin: name, text: TEXT }));
    const failing = {
      fileOf: (name: string) => name,
      has: (name: string) => kept.has(name),
      async write(name: string, text: string) {
        if (name === 'broken') throw new Error('disk full');
        kept.set(name, text);
      },
      remove: (name: string) => void kept.delete(name),
    };
    await expect(importConfigs(candidates, failing, { force: true })).rejects.toThrow('disk full');
    expect([...kept.keys()]).toEqual(['old']);
  });

  it.each([
    ['a name that is no interface’s', ['a b.conf']],
    ['a name that is too long', ['0123456789abcdef.conf']],
    ['a name of a folder', ['...conf']],
  ])('refuses %s', async (_, names) => {
    const entries = Object.fromEntries(names.map((name) => [name, TEXT]));
    await expect(importConfigs(candidatesOf('x.zip', zip(entries)), to)).rejects.toMatchObject({
      code: 'ERR_NAME',
      message: expect.stringMatching(/^x.zip:.*an interface cannot be called/),
    });
    expect(written()).toEqual([]);
  });

  it('refuses two of one name', async () => {
    const candidates = candidatesOf('x.zip', zip({ 'office.conf': TEXT, 'Office.CONF': TEXT }));
    await expect(importConfigs(candidates, to)).rejects.toThrow('would both be named');
  });
});

describe('a zip is refused as a whole', () => {
  it.each([
    ['with a folder', { 'a.conf': TEXT, 'x/b.conf': TEXT }, /'x\/b.conf' is in a folder/],
    ['that would leave its folder', { '../../etc/b.conf': TEXT }, /is in a folder/],
    ['that would leave it on Windows', { '..\\b.conf': TEXT }, /is in a folder/],
    ['with an absolute path', { '/etc/wireguard/b.conf': TEXT }, /is in a folder/],
    ['with something else', { 'a.conf': TEXT, 'run.sh': 'x' }, /'run.sh' is not a .conf/],
    ['with a name that steers the terminal', { '\u001b[2J': 'x' }, /'\?\[2J' is not a .conf/],
    ['with nothing', {}, /has no .conf in it/],
    ['with a large entry', { 'a.conf': '#'.repeat(1024 * 1024 + 1) }, /larger than 1 MiB/],
    [
      'that is a bomb',
      Object.fromEntries(
        Array.from({ length: 20 }, (_, n) => [`a${n}.conf`, '#'.repeat(1024 * 1024 - 1)]),
      ),
      /larger than 8 MiB unpacked/,
    ],
    [
      'with very many',
      Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`a${n}.conf`, TEXT])),
      /more than 256 entries/,
    ],
  ])('%s', (_, entries, message) => {
    expect(() => candidatesOf('x.zip', zip(entries))).toThrow(message);
  });

  it('with one name twice', () => {
    // Names of one length: the second one is given the first one's, in the entry and the directory.
    const twice = Buffer.from(zip({ 'a.conf': TEXT, 'b.conf': TEXT }));
    for (let at = twice.indexOf('b.conf'); at >= 0; at = twice.indexOf('b.conf', at))
      twice[at] = 97;
    expect(() => candidatesOf('x.zip', twice)).toThrow("has 'a.conf' twice");
  });

  it('that claims to be smaller than it is gets no more than it claims', () => {
    const lying = Buffer.from(zip({ 'a.conf': '#'.repeat(1024 * 1024 - 1) }));
    const directory = lying.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
    lying.writeUInt32LE(5, directory + 24);
    let length = 0;
    try {
      length = candidatesOf('x.zip', lying)[0]?.text.length ?? 0;
    } catch (error) {
      expect(String(error)).toContain('x.zip');
    }
    expect(length).toBeLessThanOrEqual(5);
  });

  it.each([1, 10, 30, 100])('that is cut off after %i bytes and four', (length) => {
    const cut = zip({ 'a.conf': TEXT }).slice(0, 4 + length);
    expect(() => candidatesOf('x.zip', cut)).toThrow(/x.zip is a zip that cannot be read/);
  });
});

it('a text that is too large, or in another encoding, is refused', () => {
  expect(() => candidatesOf('a.conf', new Uint8Array(1024 * 1024 + 1))).toThrow(
    'larger than 1 MiB',
  );
  expect(() => candidatesOf('a.conf', new Uint8Array([0xff, 0xfe, 0x5b, 0]))).toThrow(
    'neither UTF-8 text',
  );
});

it('no bytes of a key are left in what was handed over', () => {
  const input = bytes(TEXT);
  candidatesOf('a.conf', input);
  expect(Buffer.from(input).includes(KEYS.private)).toBe(false);
});

it('a picture’s file that is called .conf is still a picture', () => {
  const file = path.join(folder, 'x.conf');
  writeFileSync(file, Buffer.from([0xff, 0xd8, 0xff]));
  expect(() => candidatesOf('x.conf', readFileSync(file))).toThrow('as an image');
});
