import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readKeyFile } from '../../cli/wg/keyfile.js';
import { base64, bytes } from './support.js';

const folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-keyfile-'));
afterAll(() => rmSync(folder, { recursive: true }));

function fileWith(text: string): string {
  const file = path.join(folder, 'x.key');
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

describe('a file with a key', () => {
  it.each([
    [base64(3), bytes(3)],
    [`${base64(3)}\n \n`, bytes(3)],
    ['', bytes(0)],
  ])('%j is read', (text, key) => {
    expect(readKeyFile(fileWith(text)).expose()).toEqual(key);
  });

  it.each([`${base64(3)}x`, ` ${base64(3)}`, '\n', base64(3).slice(1)])('%j is refused', (text) => {
    const read = () => readKeyFile(fileWith(text));
    expect(read).toThrow(/^the key in /);
    expect(read).not.toThrow(base64(3).slice(1, 20));
  });

  it('has a name, and is not the key itself', () => {
    expect(() => readKeyFile(path.join(folder, 'none'))).toThrow(/cannot read .*none \(ENOENT\)/);
    expect(() => readKeyFile(base64(3))).toThrow(/^a key was given instead of a file name$/);
  });
});
