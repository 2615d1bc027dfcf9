import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { VERBS } from '../../../cli/commandline.js';
import { CLI, runProgram, wgTs } from '../support.js';

const folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PRIVATE_KEY = 'EXAMPLE/private/key/of/office/laptop/000000=';

describe('the command line', () => {
  it.each(VERBS)('starts for %s, and prints its help', async (verb) => {
    const { code, stdout, stderr } = await wgTs([verb, '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`Usage: wg-ts ${verb}`);
  });

  it('is silent when its output is no longer read', async () => {
    const script = `set -o pipefail; { sleep 0.2; exec "$0" "$1" --help; } | true; echo "\${PIPESTATUS[0]}"`;
    const result = await runProgram('bash', ['-c', script, process.execPath, CLI]);
    expect(result).toEqual({ code: 0, stdout: '0\n', stderr: '' });
  });
});

describe('keys', () => {
  it('of genkey are clamped and new each time', async () => {
    const [a, b] = await Promise.all([wgTs(['genkey']), wgTs(['genkey'])]);
    expect(a).toEqual({ code: 0, stdout: expect.stringMatching(/^\S{43}=\n$/), stderr: '' });
    expect(a.stdout).not.toBe(b.stdout);
    const bytes = Buffer.from(a.stdout, 'base64');
    expect([(bytes[0] ?? 1) & 7, (bytes[31] ?? 0) & 0xc0]).toEqual([0, 0x40]);
  });

  it('of genpsk have 32 bytes', async () => {
    const { code, stdout } = await wgTs(['genpsk']);
    expect(code).toBe(0);
    expect(Buffer.from(stdout, 'base64')).toHaveLength(32);
  });

  it('have the public key of RFC 7748, section 6.1', async () => {
    const alice = 'dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=';
    const expected = {
      code: 0,
      stdout: 'hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n',
      stderr: '',
    };
    expect(await wgTs(['pubkey'], { stdin: alice })).toEqual(expected);
    expect(await wgTs(['pubkey'], { stdin: `${alice}\n\n` })).toEqual(expected);
  });

  it.skipIf(!existsSync('/usr/bin/wg'))('have the same public key as by wg', async () => {
    const { stdout: privateKey } = await wgTs(['genkey']);
    const { stdout } = await wgTs(['pubkey'], { stdin: privateKey });
    const theirs = await runProgram('/usr/bin/wg', ['pubkey'], { stdin: privateKey });
    expect(stdout).toBe(theirs.stdout);
  });

  it.each([
    ['nothing', ''],
    ['half a key', PRIVATE_KEY.slice(0, 20)],
    ['two keys', `${PRIVATE_KEY}\n${PRIVATE_KEY}\n`],
    ['a key that is not canonical', `${PRIVATE_KEY.slice(0, 42)}1=`],
    ['much', 'A'.repeat(100_000)],
  ])('are not made of %s, which is not repeated', async (_, stdin) => {
    const { code, stdout, stderr } = await wgTs(['pubkey'], { stdin });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: the key on stdin .*\n$/);
    expect(stderr).not.toMatch(/EXAMPLE|AAAA/);
  });

  it('in a file that others can read bring a warning', async () => {
    const script = (mask: string): string[] => [
      '-c',
      `umask ${mask}; rm -f "$2"; "$0" "$1" genkey > "$2"`,
      process.execPath,
      CLI,
      path.join(folder, 'key'),
    ];
    expect((await runProgram('bash', script('022'))).stderr).toMatch(/^warning: .*umask 077/);
    expect((await runProgram('bash', script('077'))).stderr).toBe('');
    expect(statSync(path.join(folder, 'key')).size).toBe(45);
  });
});

describe('version', () => {
  it('shows what runs', async () => {
    const { code, stdout } = await wgTs(['version']);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^wg-ts \d+\.\d+\.\d+$/);
    expect(lines).toContain(`node: ${process.versions.node}`);
    for (const what of ['X25519', 'ChaCha20-Poly1305', 'BLAKE2s', 'data plane', 'koffi'])
      expect(stdout).toMatch(new RegExp(`^${what}: \\S+`, 'm'));
  });
});

describe('without root', () => {
  it.each(['up', 'down', 'show'])('%s says what to type, and ends with 3', async (verb) => {
    const result = await wgTs([verb, 'office'], { asNobody: true });
    expect(result).toEqual({
      code: 3,
      stdout: '',
      stderr: `error: wg-ts ${verb} needs root: run sudo wg-ts ${verb} office\n`,
    });
  });
});
