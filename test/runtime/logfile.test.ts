import {
  closeSync,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  LineSplitter,
  LogReader,
  logFiles,
  RotatingLog,
  removeLogFiles,
} from '../../cli/runtime/logfile.js';

const MAX = 100;

let folder: string;
let file: string;
let fds: [number, number];
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-logfile-'));
  file = path.join(folder, 'office.log');
  fds = [openSync(file, 'ax', 0o600), openSync(file, 'a')];
});
afterEach(() => {
  for (const fd of fds) closeSync(fd);
  rmSync(folder, { recursive: true, force: true });
});

const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, n) => `line ${from + n}`);
const linesOf = (text: string): string[] => text.split('\n').slice(0, -1);

describe.skipIf(process.platform !== 'linux')('a rotating log', () => {
  it.each([0, 1, 14, 15, 30, 45, 46, 500])('keeps the newest of %i lines, in files', (count) => {
    const log = new RotatingLog(file, fds, MAX);
    const lines = numbered(0, count);
    for (const line of lines) log.append(line);
    const files = logFiles(file).filter((one) => existsSync(one));
    const kept = files.toReversed().flatMap((one) => linesOf(readFileSync(one, 'utf8')));
    expect(kept).toEqual(lines.slice(count - kept.length));
    if (kept.length < count) expect(files).toHaveLength(3);
    for (const one of files) {
      expect(statSync(one).size).toBeLessThanOrEqual(MAX);
      expect(statSync(one).mode & 0o777).toBe(0o600);
    }
    removeLogFiles(file);
    expect(logFiles(file).some((one) => existsSync(one))).toBe(false);
  });

  it('takes what hooks write to its descriptors along, and into account', () => {
    const log = new RotatingLog(file, fds, MAX);
    const [, other] = fds;
    log.append('first');
    writeSync(other, `${'hook'.repeat(20)}\n`);
    log.append('second, which does not fit any more');
    writeSync(other, 'hook again\n');
    expect(readFileSync(`${file}.1`, 'utf8')).toMatch(/^first\nhook.*\n$/);
    expect(readFileSync(file, 'utf8')).toBe('second, which does not fit any more\nhook again\n');
  });

  it('loses a line, and nothing else, where there is no room', () => {
    const full = openSync('/dev/full', 'a');
    try {
      expect(() => new RotatingLog(file, [full], MAX).append('lost')).not.toThrow();
    } finally {
      closeSync(full);
    }
  });

  it('cuts a line that is longer than a file', () => {
    const log = new RotatingLog(file, fds, MAX);
    log.append('x'.repeat(1000));
    expect(readFileSync(file, 'utf8')).toBe(`${'x'.repeat(MAX - 1)}\n`);
  });

  it('does not grow when it cannot rotate', () => {
    mkdirSync(path.join(`${file}.2`, 'in the way'), { recursive: true });
    const log = new RotatingLog(file, fds, MAX);
    for (const line of numbered(0, 500)) log.append(line);
    expect(readFileSync(file, 'utf8').endsWith('line 499\n')).toBe(true);
    for (const one of [file, `${file}.1`])
      if (existsSync(one)) expect(statSync(one).size).toBeLessThanOrEqual(MAX);
  });

  it('begins a new file where its own was removed, and follows no link in its place', () => {
    const target = path.join(folder, 'target');
    writeFileSync(target, 'kept\n');
    const log = new RotatingLog(file, fds, MAX);
    log.append('first');
    rmSync(file);
    symlinkSync(target, file);
    for (const line of numbered(0, 500)) log.append(line);
    expect(readFileSync(target, 'utf8')).toBe('kept\n');
    expect(readFileSync(file, 'utf8').endsWith('line 499\n')).toBe(true);
    expect(lstatSync(file).isFile()).toBe(true);
    for (const fd of fds) expect(fstatSync(fd).ino).toBe(lstatSync(file).ino);
  });

  it.each([1, 3, 7, 11, 17, 20])(
    'is read line by line, %i at a time, while it rotates, ends and begins again',
    (step) => {
      const reader = new LogReader(file);
      const seen: string[] = [];
      const splitter = new LineSplitter();
      const look = (): void => void seen.push(...splitter.push(reader.read()));
      let log = new RotatingLog(file, fds, MAX);
      for (let at = 0; at < 300; at += 1) {
        if (at === 151) {
          look();
          removeLogFiles(file);
          for (const fd of fds) closeSync(fd);
          fds = [openSync(file, 'ax', 0o600), openSync(file, 'a')];
          log = new RotatingLog(file, fds, MAX);
        }
        log.append(`line ${at}`);
        if (at % step === 0) look();
      }
      look();
      reader.close();
      expect(seen).toEqual(numbered(0, 300));
    },
  );

  it('that rotates faster than it is read goes on with what is kept', () => {
    const reader = new LogReader(file);
    const log = new RotatingLog(file, fds, MAX);
    log.append('line 0');
    expect(reader.read()).toBe('line 0\n');
    for (const line of numbered(1, 100)) log.append(line);
    const lines = linesOf(reader.read());
    // What it had open, and the three files there are.
    expect(lines.slice(0, 10)).toEqual(numbered(1, 11));
    expect(lines.at(-1)).toBe('line 99');
    expect(new Set(lines).size).toBe(lines.length);
    reader.close();
  });
});

it('lines are put together from pieces', () => {
  const splitter = new LineSplitter();
  expect(splitter.push('on')).toEqual([]);
  expect(splitter.push('e\n\ntwo\nthr')).toEqual(['one', '', 'two']);
  expect(splitter.end()).toEqual(['thr']);
  expect(splitter.end()).toEqual([]);
});
