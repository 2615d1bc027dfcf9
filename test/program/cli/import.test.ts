import {
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
import { KEYS, TEXT } from '../../share/support.js';
import { isRoot, wgTs } from '../support.js';

let folder: string;
let to: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-import-'));
  to = path.join(folder, 'to');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string | Uint8Array): string {
  const file = path.join(folder, name);
  writeFileSync(file, content);
  return file;
}

const kept = (): string[] => (existsSync(to) ? readdirSync(to).sort() : []);

describe('import', () => {
  it('says what it took, and what to type next', async () => {
    const file = write('office.conf', TEXT);
    const { code, stdout, stderr } = await wgTs(['import', '--to', to, file]);
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: `imported ${file} as ${to}/office.conf\n`,
      stderr: `hint: sudo wg-ts up ${to}/office.conf\n`,
    });
    expect(readFileSync(path.join(to, 'office.conf'), 'utf8')).toBe(TEXT);
    expect(statSync(path.join(to, 'office.conf')).mode & 0o777).toBe(0o600);
  });

  it('takes a text from stdin under the name that it is given', async () => {
    expect((await wgTs(['import', '--to', to, '-'], { stdin: TEXT })).stderr).toMatch(
      /^error: a configuration on stdin has no name\nhint: /,
    );
    const named = await wgTs(['import', '--to', to, '--name', 'home', '-'], { stdin: TEXT });
    expect(named.code).toBe(0);
    expect(kept()).toEqual(['home.conf']);
  });

  it('takes several, or none', async () => {
    const zip = zipSync({ 'a.conf': Buffer.from(TEXT), 'b.conf': Buffer.from(TEXT) });
    const files = [write('c.conf', TEXT), write('export.zip', zip)];
    const bad = write('bad.conf', TEXT.replace(KEYS.private, KEYS.private.slice(1)));
    const failed = await wgTs(['import', '--to', to, ...files, bad]);
    expect(failed.code).toBe(2);
    expect(failed.stderr).toContain(`error: ${bad}:3:14: PrivateKey: has 43 characters`);
    expect(failed.stderr).not.toContain(KEYS.private.slice(1));
    expect(kept()).toEqual([]);
    expect((await wgTs(['import', '--to', to, '--name', 'x', ...files])).code).toBe(2);
    expect((await wgTs(['import', '--to', to, ...files])).code).toBe(0);
    expect(kept()).toEqual(['a.conf', 'b.conf', 'c.conf']);
  });

  it('replaces only when asked to', async () => {
    const file = write('office.conf', TEXT);
    expect((await wgTs(['import', '--to', to, file])).code).toBe(0);
    const refused = await wgTs(['import', '--to', to, file]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^error: .*office.conf already exists.*\nhint: .*--force/);
    expect((await wgTs(['import', '--to', to, '--force', file])).code).toBe(0);
  });

  it.each([
    ['nowhere.conf', 1, /^error: nowhere.conf does not exist\nhint: /],
    ['/tmp', 1, /^error: \/tmp cannot be read \(EISDIR\)\nhint: /],
  ])('says what is wrong with %s', async (file, code, stderr) => {
    expect(await wgTs(['import', '--to', to, file])).toEqual({
      code,
      stdout: '',
      stderr: expect.stringMatching(stderr),
    });
  });

  it.skipIf(!isRoot())('needs root for where up looks', async () => {
    const { code, stderr } = await wgTs(['import', '/etc/hostname'], { asNobody: true });
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /^error: wg-ts import needs root: run sudo wg-ts import \/etc\/hostname/,
    );
  });
});
