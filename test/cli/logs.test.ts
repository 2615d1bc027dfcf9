import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { followFile } from '../../src/cli/logs.js';
import { formatServices } from '../../src/cli/service.js';

it('a log is followed as long as its tunnel runs, to its last line', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-logs-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'office.log');
  writeFileSync(file, 'öld\n');
  let [text, isRunning] = ['', true];
  const onText = (more: string): void => {
    text += more;
  };
  const done = followFile(file, () => isRunning, onText);
  expect(text).toBe('öld\n');
  appendFileSync(file, 'new\n');
  await vi.waitFor(() => expect(text).toBe('öld\nnew\n'));
  appendFileSync(file, 'last\n');
  isRunning = false;
  await done;
  expect(text).toBe('öld\nnew\nlast\n');
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
