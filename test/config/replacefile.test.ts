import {
  chmodSync,
  lstatSync,
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
import { replaceFile } from '../../src/config/replacefile.js';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-replace-'));
  file = path.join(folder, 'office.conf');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('replaceFile', () => {
  it('makes a file that only its owner can read', async () => {
    await replaceFile(file, 'new');
    expect(readFileSync(file, 'utf8')).toBe('new');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['office.conf']);
  });

  it('keeps the mode, and follows a link', async () => {
    const target = path.join(folder, 'target');
    writeFileSync(target, 'old');
    chmodSync(target, 0o640);
    symlinkSync('target', file);
    await replaceFile(file, 'new');
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    expect(readFileSync(target, 'utf8')).toBe('new');
    expect(statSync(target).mode & 0o777).toBe(0o640);
  });

  it('never lets the text be read by others on the way', async () => {
    writeFileSync(file, 'old', { mode: 0o600 });
    const mask = process.umask(0);
    try {
      await replaceFile(file, 'new');
    } finally {
      process.umask(mask);
    }
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('leaves the old text and nothing else when it fails', async () => {
    mkdirSync(file);
    writeFileSync(path.join(file, 'inside'), 'old');
    await expect(replaceFile(file, 'new')).rejects.toMatchObject({ code: expect.any(String) });
    expect(readdirSync(folder)).toEqual(['office.conf']);
    expect(readFileSync(path.join(file, 'inside'), 'utf8')).toBe('old');
  });

  it('removes what a killed process has left, and nothing of a living one', async () => {
    // Numbers of processes end long before this one.
    const names = [
      'office.conf.2000000000.tmp',
      `office.conf.${process.ppid}.tmp`,
      'office.conf.tmp',
    ];
    for (const name of names) writeFileSync(path.join(folder, name), 'secret');
    await replaceFile(file, 'new');
    expect(readdirSync(folder).sort()).toEqual(['office.conf', ...names.slice(1)].sort());
  });
});
