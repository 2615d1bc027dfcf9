import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { echoReply } from '../../cli/pair/packets.js';
import type { Check } from '../../cli/selftest/check.js';
import { failed, ok, runChecks, skipped } from '../../cli/selftest/check.js';
import { Prober } from '../../cli/selftest/prober.js';
import { checkNode, programChecks } from '../../cli/selftest/program.js';
import { formatResult, formatSummary, toJson } from '../../cli/selftest/report.js';
import { allChecks } from '../../cli/selftest/selftest.js';
import { WgTsError } from '../../system/errors.js';

const check = (name: string, run: Check['run'], needs: string[] = []): Check => ({
  name,
  needs,
  run,
});
const states = (results: readonly { name: string; state: string }[]): string[] =>
  results.map(({ name, state }) => `${name} ${state}`);

describe('checks', () => {
  it('run in order; one whose need is not ok is skipped, and says which', async () => {
    const results = await runChecks([
      check('a', () => ok('fine')),
      check('b', () => failed('broken', 'mend it'), ['a']),
      check('c', () => ok('never'), ['a', 'b']),
      check('d', () => ok('never'), ['c']),
      check('e', () => ok('fine'), ['a']),
    ]);
    expect(states(results)).toEqual(['a ok', 'b failed', 'c skipped', 'd skipped', 'e ok']);
    expect(results[2]?.detail).toBe('needs b');
  });

  it('that throw have failed, with the hint of the error, on one line', async () => {
    const [result] = await runChecks([
      check('a', () => {
        throw new WgTsError('ERR_FILE', 'two\nlines', { hint: 'do this' });
      }),
    ]);
    expect(result).toMatchObject({ state: 'failed', detail: 'two lines', advice: 'do this' });
  });

  it('that do not end have failed, and are aborted by the signal', async () => {
    let isTold = false;
    const forever = check('a', ({ signal }) => {
      signal.addEventListener('abort', () => {
        isTold = true;
      });
      return new Promise(() => undefined);
    });
    const results = await runChecks([forever, check('b', () => ok(''))], { timeoutMs: 50 });
    expect(states(results)).toEqual(['a failed', 'b ok']);
    expect(results[0]?.detail).toBe('timed out after 0.05 s');
    expect(isTold).toBe(true);
  });

  it('are left out on request or interruption, and what was done is undone all the same', async () => {
    const interrupted = new AbortController();
    const undone: string[] = [];
    const results = await runChecks(
      [
        check('a', ({ undo }) => {
          undo.push('first', () => void undone.push('first'));
          undo.push('second', () => void undone.push('second'));
          return ok('');
        }),
        check('b', () => ok('')),
        check('c', async ({ signal }) => {
          interrupted.abort();
          signal.throwIfAborted();
          return ok('');
        }),
        check('d', () => ok('')),
      ],
      { skip: ['b'], signal: interrupted.signal },
    );
    expect(states(results)).toEqual(['a ok', 'b skipped', 'c skipped', 'd skipped']);
    expect(undone).toEqual(['second', 'first']);
  });

  it('count an undo that fails as a failure', async () => {
    const results = await runChecks([
      check('a', ({ undo }) => {
        undo.push('the route', () => {
          throw new Error('busy');
        });
        return ok('');
      }),
    ]);
    expect(results.at(-1)).toMatchObject({
      state: 'failed',
      detail: 'cannot undo the route: busy',
    });
  });
});

describe('the report', () => {
  const results = [
    { name: 'a', milliseconds: 1, ...ok('fine') },
    { name: 'b', milliseconds: 2, ...failed('broken', 'mend it') },
    { name: 'c', milliseconds: 3, ...skipped('later') },
  ];

  it('has a line for each check, and what to do below', () => {
    expect(results.map(formatResult)).toEqual([
      'ok       a: fine\n',
      'FAILED   b: broken\n         do: mend it\n',
      'skipped  c: later\n',
    ]);
    expect(formatSummary(results)).toBe(
      '\n1 ok, 1 failed, 1 skipped: see the checks marked FAILED\n',
    );
  });

  it('is the same for programs', () => {
    expect(toJson(results)).toMatchObject({ ok: 1, failed: 1, skipped: 1, checks: results });
  });
});

describe('the list', () => {
  it('needs only what comes before, under names of their own', () => {
    for (const platform of ['linux', 'win32'] as const) {
      const machine = { platform } as Parameters<typeof allChecks>[0] & object;
      const before = new Set<string>();
      for (const { name, needs = [] } of allChecks(machine)) {
        expect(before.has(name)).toBe(false);
        for (const need of needs) expect([...before]).toContain(need);
        before.add(name);
      }
    }
  });

  it('finds this program in good order', async () => {
    const results = await runChecks(programChecks);
    expect(results.filter(({ state }) => state === 'failed')).toEqual([]);
  });

  it('knows the oldest Node.js', () => {
    expect(checkNode('20.18.9')).toMatchObject({ state: 'failed' });
    expect(checkNode('20.19.0')).toMatchObject({ state: 'ok' });
    expect(checkNode('22.0.0')).toMatchObject({ state: 'ok' });
  });
});

describe('the far machine', () => {
  /** IPv4, from 10.0.0.1:5 to 10.0.0.2:6, with payload 7. */
  const v4 = Uint8Array.of(
    ...[0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 1, 2, 10, 0, 0, 1, 10, 0, 0, 2],
    ...[0, 5, 0, 6, 0, 9, 3, 4, 7],
  );
  const v6 = new Uint8Array(49);
  v6.set([0x60, 0, 0, 0, 0, 9, 17, 64]);
  v6.set([1, 1], 8);
  v6.set([2, 2], 24);
  v6.set([0, 5, 0, 6, 0, 9, 3, 4, 7], 40);

  it('swaps the ends of a packet, and changes nothing else', () => {
    const answer = echoReply(v4);
    expect([...(answer?.subarray(12, 24) ?? [])]).toEqual([10, 0, 0, 2, 10, 0, 0, 1, 0, 6, 0, 5]);
    expect(echoReply(answer ?? v6)).toEqual(v4);
    const answer6 = echoReply(v6);
    expect([answer6?.[8], answer6?.[24], answer6?.[41], answer6?.[43]]).toEqual([2, 1, 6, 5]);
    expect(echoReply(answer6 ?? v4)).toEqual(v6);
  });

  it('answers nothing else', () => {
    expect(echoReply(v4.with(9, 6))).toBeUndefined();
    expect(echoReply(v6.with(6, 58))).toBeUndefined();
    expect(echoReply(v4.subarray(0, 27))).toBeUndefined();
    expect(echoReply(new Uint8Array())).toBeUndefined();
  });
});

describe('a prober', () => {
  const { signal } = new AbortController();

  async function echo(answers: (n: number) => boolean): Promise<number> {
    const socket = createSocket('udp4');
    let count = 0;
    socket.on('message', (message, { port, address }) => {
      if (answers(count++)) socket.send(message, port, address);
    });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    onTestFinished(() => void socket.close());
    return socket.address().port;
  }

  it('pings and floods, and reports what came back', async () => {
    const port = await echo((n) => n < 30 || n % 4 > 0);
    const prober = await Prober.open('127.0.0.1', { address: '127.0.0.1', port }, signal);
    onTestFinished(() => prober.close());
    const { first, median } = await prober.ping(signal);
    expect(first).toBeGreaterThan(0);
    expect(median).toBeLessThan(100);
    const { megabits, returned } = await prober.flood(1000, signal);
    expect(megabits).toBeGreaterThan(0);
    expect(returned).toBeGreaterThan(0.6);
    expect(returned).toBeLessThan(0.85);
  });

  it('gives up when nothing answers', async () => {
    const port = await echo(() => false);
    const prober = await Prober.open('127.0.0.1', { address: '127.0.0.1', port }, signal);
    onTestFinished(() => prober.close());
    await expect(prober.ping(signal)).rejects.toThrow(/no answer from 127\.0\.0\.1/);
  });
});
