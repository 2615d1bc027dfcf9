import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { VERBS } from '../../cli/commandline.js';
import { runVerb } from './inprocess.js';

const folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-check-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PRIVATE_KEY = 'EXAMPLE/private/key/of/office/laptop/000000=';

function configFile(text: string, mode = 0o600): string {
  const file = path.join(folder, 'test.conf');
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

describe('the command line', () => {
  it.each(VERBS)('has help with an example for %s', async (verb) => {
    const { code, stdout, stderr } = await runVerb([verb, '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`Usage: wg-ts ${verb}`);
    expect(stdout).toMatch(new RegExp(`Examples?:\\n.*wg-ts ${verb}`));
    expect(stdout).not.toContain('--daemon');
  });

  it('prints help with all verbs and the exit codes when it has no arguments', async () => {
    const { code, stdout } = await runVerb([]);
    expect(code).toBe(0);
    for (const verb of VERBS) expect(stdout).toMatch(new RegExp(`^  ${verb} `, 'm'));
    expect(stdout).toContain('Exit codes: 0 ');
  });

  it('prints its version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await runVerb(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('suggests the verb that was meant', async () => {
    const { code, stderr } = await runVerb(['shwo']);
    expect(code).toBe(2);
    expect(stderr).toBe("error: unknown command 'shwo'\nhint: did you mean show?\n");
  });

  it.each([
    [['up']],
    [['down']],
    [['check']],
    [['up', '--what', 'x.conf']],
    [['up', '--data-plane', 'fast', 'x.conf']],
    [['up', '--workers', '0', 'x.conf']],
    [['up', '--workers', '17', 'x.conf']],
    [['down', 'a', 'b']],
    [['genkey', 'x']],
  ])('%j is a usage error of one line', async (args) => {
    const { code, stdout, stderr } = await runVerb(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: .*\n$/);
  });
});

describe('check', () => {
  it('describes a file and its public key, and shows no secret', async () => {
    const text = readFileSync('configs/office.conf', 'utf8');
    const { code, stdout, stderr } = await runVerb(['check', configFile(text)]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^interface test\n/);
    expect(stdout).toContain('CEZ+zvUAsGiJDExXmNG5lqh00h94VY9HzmpsgUlaQ2w=');
    expect(stdout).toContain('vpn.example.com:51820');
    expect(stdout).not.toContain('EXAMPLE/');
  });

  it('warns of a file that others can read', async () => {
    const file = configFile(readFileSync('configs/office.conf', 'utf8'), 0o644);
    const { code, stderr } = await runVerb(['check', file]);
    expect(code).toBe(0);
    expect(stderr).toBe(
      `warning: ${file} is world accessible and holds a private key: run chmod 600 ${file}\n`,
    );
  });

  it('prints all problems, one per line with its place, and no key', async () => {
    const file = configFile(
      `[Interface]\nPrivateKey = ${PRIVATE_KEY.slice(0, -3)}\nAddress = 10.0.0.300\nMTU = x\n`,
    );
    const { code, stdout, stderr } = await runVerb(['check', file]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    const lines = stderr.trimEnd().split('\n');
    expect(lines.map((line) => line.slice(0, `error: ${file}:0:`.length))).toEqual([
      `error: ${file}:2:`,
      `error: ${file}:3:`,
      `error: ${file}:4:`,
    ]);
    expect(stderr).not.toContain('EXAMPLE');
  });

  it.each([
    ['nowhere.conf', 1, /^error: nowhere.conf does not exist\nhint: .*\n$/],
    [
      'wgts-no-such',
      1,
      /^error: \/etc\/wireguard\/wgts-no-such.conf (does not exist|cannot be read by this user)\nhint/,
    ],
    ['/etc/passwd', 2, /^error: the name of \/etc\/passwd does not end in .conf\nhint: .*\n$/],
    ['much-too-long-a-name.conf', 2, /^error: an interface cannot be called .*\nhint: .*\n$/],
  ])('of %s ends with %i', async (target, code, stderr) => {
    expect(await runVerb(['check', target])).toEqual({
      code,
      stdout: '',
      stderr: expect.stringMatching(stderr),
    });
  });

  it('shows a stack only when asked to', async () => {
    const plain = await runVerb(['check', 'nowhere.conf']);
    expect(plain.stderr).not.toMatch(/\n\s+at /);
    const debug = await runVerb(['check', 'nowhere.conf'], { WG_TS_DEBUG: '1' });
    expect(debug.stderr).toMatch(/\n\s+at /);
  });
});
