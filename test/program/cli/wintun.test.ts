import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { describeInstalled, describeStatus } from '../../../cli/verbs/wintun.js';
import { WINTUN } from '../../../cli/wintun/pins.js';
import { wgTs } from '../support.js';

const folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-wintun-'));
const place = path.join(folder, 'place');
const on = (...args: string[]): string[] => [...args, '--arch', 'arm64', '--directory', place];

afterAll(() => rmSync(folder, { recursive: true }));

describe('wintun', () => {
  it('install refuses what is not the release, with both hashes, and installs nothing', async () => {
    const zip = path.join(folder, 'wintun.zip');
    writeFileSync(zip, 'another file');
    const { code, stdout, stderr } = await wgTs(on('wintun', 'install', zip));
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^error: .*[0-9a-f]{64}, expected [0-9a-f]{64}\nhint: .*\n$/);
    expect(stderr).toContain(WINTUN.zipSha256);
    expect(existsSync(place)).toBe(false);
  });

  it('install reports a file that is not there', async () => {
    const { code, stderr } = await wgTs(on('wintun', 'install', path.join(folder, 'none.zip')));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: cannot read .*none\.zip: ENOENT/);
  });

  it('status says that there is none, and what to do, for programs too', async () => {
    const { code, stdout } = await wgTs(on('wintun', 'status'));
    expect(code).toBe(1);
    expect(stdout).toContain(`looked for: ${path.join(place, 'wintun.dll')}`);
    expect(stdout).toContain('wg-ts wintun install');
    const json = await wgTs(on('wintun', 'status', '--json'));
    expect(JSON.parse(json.stdout)).toEqual({
      path: null,
      lookedFor: [path.join(place, 'wintun.dll')],
    });
  });

  it('uninstall has nothing to do then', async () => {
    const { code, stdout } = await wgTs(on('wintun', 'uninstall'));
    expect([code, stdout]).toEqual([0, `no wintun.dll in ${place}\n`]);
  });

  it('knows no other architecture', async () => {
    const { code, stderr } = await wgTs(['wintun', 'status', '--arch', 's390x']);
    expect(code).toBe(2);
    expect(stderr).toContain('x64, arm64, ia32');
  });
});

describe('what it prints', () => {
  it('of an installation has the hash and the licence', () => {
    const installed = { path: 'P', version: '1', sha256: 'abc', change: 'new' } as const;
    expect(describeInstalled(installed)).toMatch(/^wintun\.dll 1 is now at P\n.*abc\n.*Licen[cs]e/);
    expect(describeInstalled({ ...installed, change: 'same' })).toContain('nothing was changed');
    const replaced = describeInstalled({ ...installed, change: 'replaced', replaced: 'old' });
    expect(replaced).toContain('replacing old');
  });

  it('of a status has what is known and what is wrong', () => {
    const status = { path: 'P', lookedFor: ['P'], sha256: 'abc' };
    expect(describeStatus(status)).toContain('not a known release');
    expect(describeStatus({ ...status, release: '0.14.1 for x64', driverVersion: '0.14' })).toBe(
      'wintun.dll: P\nSHA-256: abc (0.14.1 for x64)\nrunning driver: 0.14\n',
    );
    expect(describeStatus({ ...status, problem: 'no' })).toContain('cannot be used: no');
  });
});
