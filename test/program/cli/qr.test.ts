import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import decodeQR from 'qr/decode.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/parse.js';
import { photograph, TEXT } from '../../share/support.js';
import { CLI, runProgram, wgTs } from '../support.js';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-qr-'));
  file = path.join(folder, 'phone.conf');
  writeFileSync(file, TEXT, { mode: 0o600 });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('qr', () => {
  it('shows the code, and says what it is', async () => {
    const { code, stdout, stderr } = await wgTs(['qr', '--force', file]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: this is the private key: .*\n$/);
    expect(parseConfig(decodeQR(photograph(stdout))).config).toEqual(parseConfig(TEXT).config);
  });

  it('shows nothing where there is no terminal', async () => {
    const { code, stdout, stderr } = await wgTs(['qr', file]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: stdout is not a terminal, .*\nhint: .*--output/);
  });

  const needs = existsSync('/usr/bin/script') ? '' : ' (script, of util-linux, is missing)';
  it.skipIf(needs !== '')(`in a terminal that is too small says so${needs}`, async () => {
    const script = `stty rows 20 cols 80; exec "$0" "$1" qr "$2"`;
    const quoted = ['bash', '-c', script, process.execPath, CLI, file].map((one) => `'${one}'`);
    const { stdout } = await runProgram('script', ['-qec', quoted.join(' '), '/dev/null']);
    expect(stdout).toMatch(
      /warning: the code takes \d+ columns and \d+ rows, this terminal has 80 and 20/,
    );
    const code = stdout
      .replaceAll('\r', '')
      .split('\n')
      .filter((line) => line.includes('\u001b[38'));
    expect(parseConfig(decodeQR(photograph(`${code.join('\n')}\n`))).config.peers).toHaveLength(1);
  });

  it('writes a picture that import takes', async () => {
    const png = path.join(folder, 'phone.png');
    const written = await wgTs(['qr', '--output', png, file]);
    expect({ code: written.code, stdout: written.stdout }).toEqual({ code: 0, stdout: '' });
    expect(written.stderr).toMatch(/^warning: .*phone.png is the private key/);
    expect(statSync(png).mode & 0o777).toBe(0o600);
    const to = path.join(folder, 'to');
    expect((await wgTs(['import', '--to', to, png])).code).toBe(0);
    const imported = readFileSync(path.join(to, 'phone.conf'), 'utf8');
    expect(parseConfig(imported).config).toEqual(parseConfig(TEXT).config);
    const again = await wgTs(['qr', '--output', png, file]);
    expect(again).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/already exists\nhint: --force/),
    });
    expect((await wgTs(['qr', '--force', '--output', png, file])).code).toBe(0);
  });

  it('says what is left out', async () => {
    writeFileSync(file, TEXT.replace('DNS', 'PostUp = true\nDNS'));
    const { stderr } = await wgTs(['qr', '--force', file]);
    expect(stderr).toMatch(/^warning: left out, as the app does not support it: PostUp\n/);
  });
});
