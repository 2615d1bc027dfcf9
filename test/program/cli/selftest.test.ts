import { closeSync, openSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CLI, isRoot, type Outcome, runProgram, wgTs } from '../support.js';

interface Report {
  readonly failed: number;
  readonly ok: number;
  readonly checks: readonly { readonly name: string; readonly state: string }[];
}

/** In a network namespace of its own, which ends with it. */
function alone(...args: string[]): Promise<Outcome> {
  const script = 'ip link set lo up; exec "$@"';
  return runProgram('unshare', ['-n', 'sh', '-c', script, 'sh', process.execPath, CLI, ...args], {
    env: { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
  });
}

async function whyNotAlone(): Promise<string | undefined> {
  if (!isRoot()) return 'needs root';
  try {
    closeSync(openSync('/dev/net/tun', 'r+'));
  } catch {
    return 'needs /dev/net/tun';
  }
  const { code } = await runProgram('unshare', [
    '-n',
    'sh',
    '-c',
    'PATH=$PATH:/sbin ip link',
  ]).catch(() => ({ code: 1 }));
  return code === 0 ? undefined : 'needs network namespaces and iproute2';
}

const missing = await whyNotAlone();

describe('selftest', () => {
  it('without privileges skips what needs them, says what to do, and fails', async () => {
    const { code, stdout, stderr } = await wgTs(['selftest'], { asNobody: true });
    expect(code).toBe(1);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^wg-ts \S+ selftest on .*Node\.js/);
    expect(stdout).toMatch(/^FAILED {3}privileges: .*\n {9}do: sudo wg-ts selftest$/m);
    expect(stdout).toMatch(/^skipped {2}interface: needs privileges$/m);
    expect(stdout).toMatch(/ 1 failed, \d+ skipped/);
  });

  it('leaves out what it is asked to, and reports an unknown name', async () => {
    const args = ['--skip', 'privileges', '--skip', 'nonsense', '--json'];
    const { code, stdout, stderr } = await wgTs(['selftest', ...args], { asNobody: true });
    expect(code).toBe(0);
    expect(stderr).toBe('warning: there is no check named nonsense\n');
    const { checks } = JSON.parse(stdout) as Report;
    expect(checks.find(({ name }) => name === 'privileges')?.state).toBe('skipped');
  });

  const title = 'finds a whole machine well, both data planes, and leaves nothing';
  it.skipIf(missing !== undefined)(missing ? `${title} (${missing})` : title, async () => {
    const { stdout, stderr, code } = await alone('selftest', '--json');
    const { checks, failed } = JSON.parse(stdout) as Report;
    expect(checks.filter(({ state }) => state === 'failed')).toEqual([]);
    expect([failed, stderr, code]).toEqual([0, '', 0]);
    const ok = checks.filter(({ state }) => state === 'ok').map(({ name }) => name);
    expect(ok).toEqual(
      expect.arrayContaining([
        'interface',
        'addresses, routes and MTU',
        'interface removed',
        'tunnel, portable data plane',
        'socket for wg',
        'nothing is left',
      ]),
    );
  });
});
