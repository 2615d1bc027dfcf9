import { describe, expect, it } from 'vitest';
import type { TrafficFacts } from '../../cli/doctor/facts.js';
import type { Finding } from '../../cli/doctor/finding.js';
import { causeOf, formatFindings, formatVerdict, PLAIN, toJson } from '../../cli/doctor/report.js';
import { checkTraffic } from '../../cli/doctor/traffic.js';
import { told } from './facts.js';

const NOTHING: TrafficFacts = { asked: ['10.0.0.1'], answering: '10.0.0.1', dns: [], beyond: [] };
const far = { address: '10.9.0.1', isNamed: true, answers: false };

describe('traffic', () => {
  it.each<[string, Partial<TrafficFacts>, string]>([
    ['passes', { mtu: { state: 'found', mtu: 1420, current: 1420 } }, 'ok: 1420 bytes pass'],
    [
      'has a black hole',
      { mtu: { state: 'found', mtu: 1232, current: 1420 } },
      'problem: packets of more than 1232 bytes are lost on the path, and the MTU is 1420: large transfers hang',
    ],
    [
      'is not forwarded',
      { beyond: [{ ...far, isForwarded: false }] },
      'problem: 10.0.0.1 answers, but nothing behind it does (10.9.0.1): the other side does not forward packets',
    ],
    [
      'finds no way back',
      { beyond: [{ ...far, isForwarded: true }] },
      'problem: 10.9.0.1 does not answer, although 10.0.0.1 forwards packets: there is no route back from it',
    ],
    [
      'may not be forwarded, by an address that is only likely',
      { beyond: [{ ...far, isNamed: false }] },
      'warning: 10.9.0.1 behind 10.0.0.1 does not answer, nor does the peer forward packets; perhaps it does not exist',
    ],
    ['goes beyond', { beyond: [{ ...far, answers: true }] }, 'ok: 10.9.0.1 answers'],
    [
      'has no name server',
      { dns: [{ server: '10.0.0.53', answers: false }] },
      'problem: the name server 10.0.0.53 does not answer through the tunnel',
    ],
  ])('%s', (_, change, expected) => {
    const all = told(checkTraffic({ ...NOTHING, ...change }));
    expect(all).toEqual(['ok: 10.0.0.1 answers through the tunnel', expected]);
  });

  it('without an answer is not blamed on the hosts behind the peer', () => {
    const { answering, ...rest } = NOTHING;
    expect(answering).toBeDefined();
    expect(told(checkTraffic({ ...rest, beyond: [far] }))).toEqual([
      'warning: the handshake works, but none of 10.0.0.1 answers a ping',
    ]);
  });

  it('to a named address counts, whatever becomes of that to a likely one', () => {
    const beyond = [far, { address: '10.9.1.1', isNamed: false, answers: true }];
    expect(told(checkTraffic({ ...NOTHING, beyond }))[1]).toMatch(/^problem: /);
  });
});

describe('the report', () => {
  const findings: Finding[] = [
    { group: 'traffic', name: 'MTU', state: 'problem', detail: 'late', tunnel: 'office' },
    {
      group: 'network',
      name: 'endpoint',
      state: 'problem',
      detail: 'first',
      hint: 'this',
      tunnel: 'office',
    },
    { group: 'machine', name: 'clock', state: 'warning', detail: 'so so', hint: 'that' },
  ];

  it('names the earliest problem as the cause', () => {
    expect(causeOf(findings)?.name).toBe('endpoint');
    expect(formatVerdict(findings)).toBe(
      '2 problems, 1 warning. First: office, endpoint: first\ndo: this\n',
    );
    expect(toJson(findings)).toMatchObject({ problem: 2, warning: 1, cause: { name: 'endpoint' } });
  });

  it('is in the order of causes, and says for each what to do', () => {
    expect(formatFindings(findings, 'office', { paint: PLAIN })).toBe(
      [
        'office',
        'warning  clock: so so',
        '         do: that',
        'PROBLEM  endpoint: first',
        '         do: this',
        'PROBLEM  MTU: late',
        '',
      ].join('\n'),
    );
  });

  it('is wrapped between words at the width of the terminal', () => {
    const [, endpoint] = findings;
    const long = { ...endpoint, detail: 'a b '.repeat(20).trim(), hint: 'c d '.repeat(20).trim() };
    const text = formatFindings([long as Finding], 'office', { paint: PLAIN, width: 40 });
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(40);
    expect(text).toMatch(/^ {9}do: c d.*\n {13}c? ?d?/m);
    expect(text.replaceAll(/\s+/g, ' ')).toContain(`endpoint: ${long.detail} do: ${long.hint}`);
  });

  it('says so when there is no problem', () => {
    expect(formatVerdict([])).toBe('no problem found\n');
    expect(toJson([])).toMatchObject({ cause: null });
  });
});
