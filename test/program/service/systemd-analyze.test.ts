/** The unit of `wg-ts service`, judged by systemd. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { templateUnit } from '../../../cli/service/systemd/unit.js';

const ANALYZE = '/usr/bin/systemd-analyze';

describe.skipIf(!existsSync(ANALYZE))('systemd-analyze (skipped where systemd is not)', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-unit-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const analyze = (...args: string[]): { status: number | null; output: string } => {
    const { status, stdout, stderr } = spawnSync(ANALYZE, args, { encoding: 'utf8' });
    return { status, output: `${stdout}${stderr}` };
  };
  const write = (name: string): string => {
    const file = path.join(folder, name);
    const main = path.join(folder, 'a program/100%.js');
    writeFileSync(file, templateUnit({ node: process.execPath, main }));
    return file;
  };

  it('finds no mistake in the unit', () => {
    expect(analyze('verify', '--man=no', write('wg-ts@.service'))).toEqual({
      status: 0,
      output: '',
    });
  });

  it('calls its sandbox OK', () => {
    const file = write('wg-ts@office.service');
    expect(analyze('security', '--offline=true', '--threshold=30', file).status).toBe(0);
  });
});
