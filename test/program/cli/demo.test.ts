import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { CLI, wgTs } from '../support.js';

/** They take their time, and more on a machine that is busy. */
const PATIENCE_MS = 240_000;

/** What stands behind `ok`, by the name of the step. */
function stepsOf(stdout: string, mark: 'ok' | 'skipped' | 'FAILED' = 'ok'): Map<string, string> {
  const steps = stdout.matchAll(
    new RegExp(`^${mark} +([^:]+|ping \\S+): (.*(?:\\n {9}.*)*)$`, 'gm'),
  );
  return new Map(Array.from(steps, ([, name = '', detail = '']) => [name, unwrapped(detail)]));
}

function unwrapped(detail: string): string {
  return detail.replaceAll(/\n +/g, ' ');
}

const NATIVE = 'throughput, native';
const PORTABLE = 'throughput, portable';
/** In their order. */
const STEPS = [
  'tunnels',
  'handshake',
  'ping 10.77.0.1',
  'ping fd77::1',
  NATIVE,
  PORTABLE,
  'rekey',
  'roaming',
  'down',
];

describe('the demo within one process', { timeout: PATIENCE_MS }, () => {
  it('shows what a tunnel does in its life, in plain lines', async () => {
    const { code, stdout, stderr } = await wgTs(['demo', '--no-root'], { env: { NO_COLOR: '' } });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const steps = stepsOf(stdout);
    const left = stepsOf(stdout, 'skipped');
    // In order; where no native library loads, that one is left out.
    expect(STEPS.filter((name) => steps.has(name) || left.has(name))).toEqual(STEPS);
    expect([...steps.keys()]).toEqual(STEPS.filter((name) => !left.has(name)));
    const { from, server } = placesOf(steps.get('tunnels'));
    expect(steps.get('handshake')).toMatch(/^complete in [\d.]+ ms, the client is the initiator$/);
    for (const name of ['ping 10.77.0.1', 'ping fd77::1'])
      expect(steps.get(name)).toMatch(/^(\d+) of \1 came back, [\d.]+ to [\d.]+ ms$/);
    expect(steps.get(PORTABLE)).toMatch(/^[1-9]\d* Mbit\/s, [1-9]\d{2,} packets verified/);
    expect(steps.get('rekey')).toMatch(/at 12\d s the client renews the session for both ends/);
    expect(steps.get('rekey')).toMatch(/; [1-9]\d+ pings meanwhile, none lost$/);
    const roaming = /from port (\d+) to (\d+); the server follows it to 127\.0\.0\.1:(\d+);/;
    const [, before, after, followed] = roaming.exec(steps.get('roaming') ?? '') ?? [];
    expect(before).toBe(from);
    expect(after).not.toBe(before);
    expect(followed).toBe(after);
    expect(stdout).toContain(`  endpoint: ${server}\n`);
    expect(stdout).toContain(`  listening port: ${after}\n`);
    expect(stdout).toMatch(/^ {2}latest handshake: /m);
    expect(stdout).toMatch(/^ {2}transfer: .* received, .* sent$/m);
    expect(stdout).toContain('sudo wg-ts up office.conf');
    expect(stdout).not.toContain('EXAMPLE/');
    expect(stdout).not.toContain('\x1b');
  });

  it('takes another port when its own is in use, and leaves a plane out on demand', async () => {
    const holder = createSocket('udp4');
    holder.bind(51_820, '127.0.0.1');
    // An earlier owner does as well.
    await Promise.race([once(holder, 'listening'), once(holder, 'error')]);
    try {
      const env = { WG_TS_DATAPLANE: 'portable' };
      const { code, stdout } = await wgTs(['demo', '--no-root'], { env });
      expect(code).toBe(0);
      expect(stdout).toContain('port 51820 is in use');
      expect(placesOf(stepsOf(stdout).get('tunnels')).server).not.toBe('127.0.0.1:51820');
      expect(stepsOf(stdout, 'skipped')).toEqual(
        new Map([[NATIVE, 'left out, as WG_TS_DATAPLANE is portable']]),
      );
      expect(stepsOf(stdout).has('roaming')).toBe(true);
    } finally {
      holder.close();
    }
  });

  it('needs neither root nor the native data plane, and says why it is left out', async () => {
    const env = { WG_TS_NATIVE_LIBRARY: '/nonexistent' };
    const { code, stdout, stderr } = await wgTs(['demo'], { env, asNobody: true });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stepsOf(stdout, 'skipped').get(NATIVE)).toMatch(
      /^left out: no native data plane: .*\/nonexistent/,
    );
    expect([...stepsOf(stdout).keys()]).toEqual(STEPS.filter((name) => name !== NATIVE));
    expect(stdout).toContain('No real interfaces: real interfaces need root.');
  });

  it('ends without a complaint when its output is no longer read', async () => {
    const child = startDemo();
    let complaint = '';
    const closed = once(child, 'close');
    child.stderr.on('data', (chunk) => {
      complaint += chunk;
    });
    child.stdout.once('data', () => child.stdout.destroy());
    expect(await closed).toEqual([0, null]);
    expect(complaint).toBe('');
  });

  it('ends at once when it is interrupted', async () => {
    const child = startDemo();
    let output = '';
    const closed = once(child, 'close');
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    child.stdout.on('data', (chunk) => {
      output += chunk;
      // In the middle of the first throughput.
      if (output.includes('ping fd77::1')) child.kill('SIGINT');
    });
    expect(await closed).toEqual([130, null]);
    expect(output).not.toMatch(/FAILED|error|roaming/);
  });
});

function startDemo() {
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
  return spawn(process.execPath, [CLI, 'demo', '--no-root'], { stdio });
}

function placesOf(tunnels: string | undefined): { server?: string; from?: string } {
  const places = /^server on (127\.0\.0\.1:\d+), client on 127\.0\.0\.1:(\d+) /;
  const [, server, from] = places.exec(tunnels ?? '') ?? [];
  return { ...(server && { server }), ...(from && { from }) };
}
