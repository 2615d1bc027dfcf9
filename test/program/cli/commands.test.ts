import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CLI, runProgram, wgTs } from '../support.js';

const folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PRIVATE_KEY = 'EXAMPLE/private/key/of/office/laptop/000000=';

function configFile(text: string, mode = 0o600): string {
  const file = path.join(folder, 'test.conf');
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

const VERBS = ['up', 'down', 'show', 'check', 'genkey', 'genpsk', 'pubkey', 'demo', 'version'];

describe('the command line', () => {
  it.each(VERBS)('has help with an example for %s', async (verb) => {
    const { code, stdout, stderr } = await wgTs([verb, '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`Usage: wg-ts ${verb}`);
    expect(stdout).toMatch(new RegExp(`Examples?:\\n.*wg-ts ${verb}`));
    expect(stdout).not.toContain('--daemon');
  });

  it('alone prints help with all verbs and the exit codes', async () => {
    const { code, stdout } = await wgTs([]);
    expect(code).toBe(0);
    for (const verb of VERBS) expect(stdout).toMatch(new RegExp(`^  ${verb} `, 'm'));
    expect(stdout).toContain('Exit codes: 0 ');
  });

  it('tells its version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await wgTs(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('suggests the verb that was meant', async () => {
    const { code, stderr } = await wgTs(['shwo']);
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
    const { code, stdout, stderr } = await wgTs(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: .*\n$/);
  });

  it('is silent when nobody reads on', async () => {
    const script = `set -o pipefail; { sleep 0.2; exec "$0" "$1" --help; } | true; echo "\${PIPESTATUS[0]}"`;
    const result = await runProgram('bash', ['-c', script, process.execPath, CLI]);
    expect(result).toEqual({ code: 0, stdout: '0\n', stderr: '' });
  });
});

describe('check', () => {
  it('describes a file and its public key, and shows no secret', async () => {
    const text = readFileSync('configs/office.conf', 'utf8');
    const { code, stdout, stderr } = await wgTs(['check', configFile(text)]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^interface test\n/);
    expect(stdout).toContain('CEZ+zvUAsGiJDExXmNG5lqh00h94VY9HzmpsgUlaQ2w=');
    expect(stdout).toContain('vpn.example.com:51820');
    expect(stdout).not.toContain('EXAMPLE/');
  });

  it('warns of a file that others can read', async () => {
    const file = configFile(readFileSync('configs/office.conf', 'utf8'), 0o644);
    const { code, stderr } = await wgTs(['check', file]);
    expect(code).toBe(0);
    expect(stderr).toBe(
      `warning: ${file} is world accessible and holds a private key: run chmod 600 ${file}\n`,
    );
  });

  it('tells all problems, one per line with its place, and no key', async () => {
    const file = configFile(
      `[Interface]\nPrivateKey = ${PRIVATE_KEY.slice(0, -3)}\nAddress = 10.0.0.300\nMTU = x\n`,
    );
    const { code, stdout, stderr } = await wgTs(['check', file]);
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
    expect(await wgTs(['check', target])).toEqual({
      code,
      stdout: '',
      stderr: expect.stringMatching(stderr),
    });
  });

  it('shows a stack only when asked to', async () => {
    const plain = await wgTs(['check', 'nowhere.conf']);
    expect(plain.stderr).not.toMatch(/\n\s+at /);
    const debug = await wgTs(['check', 'nowhere.conf'], { env: { WG_TS_DEBUG: '1' } });
    expect(debug.stderr).toMatch(/\n\s+at /);
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

  it('in a file for everybody are warned of', async () => {
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
  it('tells what runs', async () => {
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
  it.each(['up', 'down', 'show'])('%s tells what to type, and ends with 3', async (verb) => {
    const result = await wgTs([verb, 'office'], { asNobody: true });
    expect(result).toEqual({
      code: 3,
      stdout: '',
      stderr: `error: wg-ts ${verb} needs root: run sudo wg-ts ${verb} office\n`,
    });
  });
});
