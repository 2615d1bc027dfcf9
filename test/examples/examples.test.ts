/** Each example without arguments, as its own first lines and the README tell to run it. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Outcome, runProgram } from '../program/support.js';

const FOLDER = fileURLToPath(new URL('../../examples', import.meta.url));
/** Not run by themselves. */
const PARTS = ['packets.mjs'];
const KEY = /[A-Za-z0-9+/]{43}=/g;

/** Without root, also where the test has it. */
function run(name: string): Promise<Outcome> {
  const file = path.join(FOLDER, `${name}.mjs`);
  return runProgram(process.execPath, [file], { asNobody: true, timeoutMs: 50_000 });
}

/** Returns the lines that it printed. */
async function linesOf(name: string): Promise<readonly string[]> {
  const { code, stdout, stderr } = await run(name);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.trimEnd().split('\n');
}

function like(pattern: RegExp): unknown {
  return expect.stringMatching(pattern);
}

describe('the examples', () => {
  const names = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.mjs') && !PARTS.includes(name))
    .map((name) => name.replace('.mjs', ''));

  it('are all tested', () => {
    const ours = readFileSync(fileURLToPath(import.meta.url), 'utf8');
    expect(names.filter((name) => !ours.includes(`linesOf('${name}')`))).toEqual([]);
  });

  it.each(names)('%s says how it is run', (name) => {
    const text = readFileSync(path.join(FOLDER, `${name}.mjs`), 'utf8');
    expect(text).toContain(`node examples/${name}.mjs`);
    expect(text).toMatch(/^\/\/ /);
    expect(text.split('\n').length).toBeLessThanOrEqual(151);
  });
});

describe('quickstart', () => {
  it('prints its usage without arguments', async () => {
    expect(await linesOf('quickstart')).toEqual([
      'usage: sudo node examples/quickstart.mjs office.conf http://10.20.0.1/',
    ]);
  });

  it('has at most twenty lines', () => {
    const text = readFileSync(path.join(FOLDER, 'quickstart.mjs'), 'utf8');
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(20);
  });
});

describe('two-peers', () => {
  it('does one handshake, and pings both ways in both families', async () => {
    const lines = await linesOf('two-peers');
    expect(lines.filter((line) => line.includes('handshake'))).toEqual([
      like(/^bob: handshake done as initiator, the peer is at 127\.0\.0\.1:\d+$/),
      like(/^alice: handshake done as responder, the peer is at 127\.0\.0\.1:\d+$/),
    ]);
    expect(lines.filter((line) => line.includes('->'))).toEqual([
      like(/^10\.77\.0\.2 -> 10\.77\.0\.1 and back: [\d.]+ ms$/),
      like(/^10\.77\.0\.1 -> 10\.77\.0\.2 and back: [\d.]+ ms$/),
      like(/^fd77::2 -> fd77::1 and back: [\d.]+ ms$/),
      like(/^fd77::1 -> fd77::2 and back: [\d.]+ ms$/),
    ]);
    expect(lines).toEqual(expect.arrayContaining(['bob: closed', 'alice: closed']));
    expect(lines.join('\n').match(KEY)).toBeNull();
  });
});

describe('ping-host', () => {
  it('answers the pings of its peer by itself', async () => {
    const lines = await linesOf('ping-host');
    const replies = ['10\\.78\\.0\\.1', 'fd78::1'].flatMap((address) =>
      [1, 2, 3].map((sequence) => like(new RegExp(`^reply ${sequence} from ${address}: .* ms$`))),
    );
    expect(lines).toEqual([...replies, '# 6 pings answered']);
  });
});

describe('websocket-relay', () => {
  it('pings through the relay, without a UDP socket', async () => {
    const lines = await linesOf('websocket-relay');
    expect(lines).toEqual([
      like(/^the relay listens at ws:\/\/127\.0\.0\.1:\d+$/),
      ...[1, 2, 3].map((sequence) => like(new RegExp(`^reply ${sequence} from 10\\.79\\.0\\.1: `))),
      like(/^\d+ datagrams went through the relay$/),
      `UDP sockets of this process: ${process.platform === 'linux' ? 0 : 'not counted here'}`,
    ]);
    // Both handshake messages, three pings, three replies.
    expect(Number.parseInt(lines[4] ?? '', 10)).toBeGreaterThanOrEqual(8);
  });
});

describe('gateway-metrics', () => {
  it('shows the traffic of a peer, and finds the one that does not answer', async () => {
    const text = (await linesOf('gateway-metrics')).join('\n');
    const value = (name: string): number =>
      Number(
        new RegExp(`^  ${name}\\{.*allowed_ips="10\\.80\\.0\\.2/32"\\} (\\d+)$`, 'm').exec(
          text,
        )?.[1],
      );
    // At least its half of the handshake and one ping.
    expect(value('wireguard_sent_bytes_total')).toBeGreaterThanOrEqual(148 + 128);
    expect(value('wireguard_received_bytes_total')).toBeGreaterThanOrEqual(92 + 128);
    expect(Math.abs(value('wireguard_latest_handshake_seconds') - Date.now() / 1000)).toBeLessThan(
      60,
    );
    expect(text).toContain('wg_ts_tunnel_up{interface="gateway"} 1');
    expect(
      [...text.matchAll(/^ {2}(\d{3}) \{"status":"(\w+)"/gm)].map(([, ...found]) => found),
    ).toEqual([
      ['200', 'healthy'],
      ['503', 'unhealthy'],
      ['200', 'healthy'],
    ]);
  });
});

describe('self-hosted', () => {
  it('takes a peer that connects, and takes it out again', async () => {
    const lines = await linesOf('self-hosted');
    expect(lines).toEqual([
      like(/^server: http:\/\/127\.0\.0\.1:\d+\/peers, WireGuard at UDP port \d+$/),
      'client: without the token: 401',
      like(/^server: added \S{44}$/),
      like(/^client: ping 10\.81\.0\.1: [\d.]+ ms$/),
      like(/^server: removed \S{44}$/),
      'client: removed (204); ping 10.81.0.1: no reply',
    ]);
    // Of one machine, its public one.
    expect(new Set(lines.join('\n').match(KEY)).size).toBe(1);
  });
});

describe('server', () => {
  it('prints the state of its tunnel, is reached through it, and ends with it', async () => {
    const [status = '', ...lines] = await linesOf('server');
    expect(status).toMatch(/^GET http:\/\/127\.0\.0\.1:\d+\/status: \{/);
    expect(JSON.parse(status.slice(status.indexOf('{')))).toMatchObject({
      name: 'to-office',
      state: 'connected',
      peers: 1,
      connected: 1,
    });
    expect(lines).toEqual([
      like(/^the office pings us: [\d.]+ ms$/),
      'SIGTERM: stopping',
      'stopped; the tunnel is closed',
    ]);
  });
});
