import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RingLog, readRingLog } from '../../cli/runtime/ringlog.js';

const SIZE = 64 + 100;

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-ring-'));
  file = path.join(folder, 'office.log');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const numbered = (count: number): string[] => Array.from({ length: count }, (_, n) => `line ${n}`);

it.each([0, 1, 12, 13, 14, 15, 40, 1000])('keeps the newest of %i lines', (count) => {
  const lines = numbered(count);
  const ring = new RingLog(file, SIZE);
  for (const line of lines) ring.append(line);
  const kept = ring.read().split('\n').slice(0, -1);
  expect(kept).toEqual(lines.slice(lines.length - kept.length));
  // All but the line that was written over in part.
  const bytes = kept.reduce((sum, line) => sum + line.length + 1, 0);
  if (kept.length < count) expect(bytes).toBeGreaterThan(100 - 2 * 'line 1000\n'.length);
  expect(statSync(file).size).toBeLessThanOrEqual(SIZE);
  ring.close();
  expect(readRingLog(file, SIZE).split('\n').slice(0, -1)).toEqual(kept);
});

it('goes on where it was left', () => {
  const lines = numbered(31);
  for (const line of lines) {
    const ring = new RingLog(file, SIZE);
    ring.append(line);
    ring.close();
  }
  expect(readRingLog(file, SIZE).endsWith(`${lines.slice(-8).join('\n')}\n`)).toBe(true);
});

it('begins with a line that a person understands', () => {
  const ring = new RingLog(file, SIZE);
  ring.append('up');
  ring.close();
  expect(readFileSync(file, 'utf8')).toMatch(
    /^wg-ts ring log, the newest line ends at byte 0000000067 *\nup\n$/,
  );
});

it('takes neither a line that is too long, nor another file, amiss', () => {
  writeFileSync(
    file,
    'something else that is long enough for a head of a log, is it not? '.repeat(3),
  );
  expect(readRingLog(file, SIZE)).toBe('');
  const ring = new RingLog(file, SIZE);
  expect(ring.read()).toBe('');
  ring.append('short');
  expect(ring.read()).toBe('short\n');
  ring.append('x'.repeat(1000));
  expect(ring.read()).toBe(`${'x'.repeat(99)}\n`);
  expect(statSync(file).size).toBeLessThanOrEqual(SIZE);
  ring.close();
  ring.append('after the end');
  expect(ring.read()).toBe('');
});

it('calls its listeners until they have enough', () => {
  const ring = new RingLog(file);
  const told: string[] = [];
  const end = ring.subscribe((line) => told.push(line));
  ring.append('one');
  end();
  ring.append('two');
  ring.close();
  expect(told).toEqual(['one']);
});
