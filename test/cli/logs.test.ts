import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { reset } from '@logtape/logtape';
import { createColors } from 'picocolors';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { startLogging } from '../../cli/daemon/logging.js';
import { encodeEntry, type LogEntry } from '../../cli/runtime/logentry.js';
import { followLog, LogPrinter, parseDuration } from '../../cli/verbs/logs.js';
import { formatServices } from '../../cli/verbs/service.js';
import { logTapeLogger } from '../../src/logtape.js';
import { waitFor } from '../support/waiting.js';

function logFile(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-logs-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return path.join(folder, 'office.log');
}

describe('a log is followed', () => {
  it('through rotation, the end of its tunnel and the next run', async () => {
    const file = logFile();
    writeFileSync(file, 'öld\nha');
    const lines: string[] = [];
    let [isRunning, ends] = [true, 0];
    const stop = new AbortController();
    const done = followLog(file, {
      follow: true,
      onLines: (more) => lines.push(...more),
      isRunning: () => isRunning,
      onEnd: () => {
        lines.push('(end)');
        ends += 1;
      },
      signal: stop.signal,
    });
    expect(lines).toEqual(['öld']);
    appendFileSync(file, 'lf\n');
    renameSync(file, `${file}.1`);
    writeFileSync(file, 'rotated\n');
    await waitFor(() => expect(lines).toEqual(['öld', 'half', 'rotated']));
    appendFileSync(file, 'down\n');
    rmSync(file);
    rmSync(`${file}.1`);
    isRunning = false;
    await waitFor(() => expect(ends).toBe(1));
    writeFileSync(file, 'up again\n');
    isRunning = true;
    await waitFor(() => expect(lines.at(-1)).toBe('up again'));
    appendFileSync(file, 'last');
    stop.abort();
    await done;
    expect(lines).toEqual(['öld', 'half', 'rotated', 'down', '(end)', 'up again', 'last']);
  });

  it('only when that is asked for', async () => {
    const file = logFile();
    writeFileSync(`${file}.2`, 'a\n');
    writeFileSync(`${file}.1`, 'b\n');
    writeFileSync(file, 'c\n');
    const lines: string[] = [];
    await followLog(file, {
      follow: false,
      onLines: (more) => lines.push(...more),
      isRunning: () => true,
      onEnd: () => lines.push('(end)'),
    });
    expect(lines).toEqual(['a', 'b', 'c']);
  });
});

describe('lines are printed', () => {
  const NOW = Date.UTC(2026, 10, 23, 16);
  const at = (ago: number, level: LogEntry['level'], message: string): string =>
    encodeEntry({ time: NOW - ago, level, category: ['wg-ts', 'office'], message });
  const lines = [at(90_000, 'info', 'up'), 'from a hook', at(5000, 'warning', 'lost')];

  it('as text', () => {
    const text = new LogPrinter('office', {}, createColors(false), NOW).format(lines);
    expect(text).toMatch(/^\S+ \S+ office: up\nfrom a hook\n\S+ \S+ office: lost\n$/);
    const coloured = new LogPrinter('office', {}, createColors(true), NOW).format(lines);
    expect(coloured).toContain('\u001b[33m2026');
    expect(coloured.endsWith('office: lost\u001b[39m\n')).toBe(true);
  });

  it('as objects, a hook’s too', () => {
    const text = new LogPrinter('office', { json: true }, createColors(true), NOW).format(lines);
    const objects = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as LogEntry);
    expect(objects.map(({ message, level }) => [message, level])).toEqual([
      ['up', 'info'],
      ['from a hook', 'info'],
      ['lost', 'warning'],
    ]);
  });

  it('when they are new and important enough', () => {
    const print = (options: object): string =>
      new LogPrinter('office', options, createColors(false), NOW).format(lines);
    expect(print({ since: 60_000 })).toMatch(/^\S+ \S+ office: lost\n$/);
    expect(print({ level: 'warning' })).toMatch(/^\S+ \S+ office: lost\n$/);
    expect(print({ level: 'error' })).toBe('');
  });
});

it.each([
  ['30s', 30_000],
  ['10m', 600_000],
  ['2h', 7_200_000],
  ['1d', 86_400_000],
])('%s is a duration', (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds);
});

it.each(['', '10', 'm', '-1s', '1.5h', '1w', '10 m', '9999999s'])('%j is no duration', (text) => {
  expect(() => parseDuration(text)).toThrow('such as 30s');
});

describe('what a tunnel logs', () => {
  afterEach(reset);

  it.each([
    [false, ['info', 'warning', 'error']],
    [true, ['debug', 'info', 'warning', 'error']],
  ])('becomes entries; verbose: %s', async (verbose, levels) => {
    const entries: LogEntry[] = [];
    await startLogging((entry) => entries.push(entry), { verbose });
    const logger = logTapeLogger('office');
    for (const level of ['debug', 'info', 'warn', 'error'] as const)
      logger[level](`{x}\n  ${level}`);
    expect(entries.map(({ level }) => level)).toEqual(levels);
    expect(entries.at(-1)).toMatchObject({
      time: expect.any(Number),
      category: ['wg-ts', 'office'],
      message: '{x} error',
    });
  });
});

it('services are listed with their states', () => {
  expect(
    formatServices([
      { name: 'home', state: 'running', pid: 12 },
      { name: 'office', state: 'start-pending', pid: 0 },
    ]),
  ).toBe('home    running (pid 12)\noffice  start-pending\n');
  expect(formatServices([])).toBe('');
});
