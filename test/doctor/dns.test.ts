import { describe, expect, it } from 'vitest';
import { checkDnsWay, checkLeftDns } from '../../cli/doctor/dns.js';
import type { DnsFacts } from '../../cli/doctor/facts.js';
import { machineWith, tunnelWith } from './facts.js';

const OURS = '10.0.0.1';
const OTHER = '192.168.1.1';
const FILE: DnsFacts = { way: 'file', servers: [OTHER], isManaged: false, writtenFor: [] };
const RUNNING = { publicKey: 'x', listenPort: 1, fwMark: 0, peers: [] };

function look(dns: Partial<DnsFacts>, isRunning = true, dnsServers = [OURS]): string[] {
  const tunnel = tunnelWith({ dnsServers }, isRunning ? { running: RUNNING } : {});
  const outcomes = checkDnsWay(tunnel, machineWith({ dns: { ...FILE, ...dns } }));
  return outcomes.map(({ state, detail }) => `${state}: ${detail}`);
}

describe('the DNS of a tunnel', () => {
  it('is not looked at without servers', () => {
    expect(look({}, true, [])).toEqual([]);
  });

  it.each([
    [{ way: 'resolvectl' as const, isManaged: true }, 'systemd-resolved'],
    [{ way: 'resolvconf' as const, servers: [OURS] }, 'resolvconf'],
    [{ servers: [OURS], writtenFor: ['office'] }, '/etc/resolv.conf, written by wg-ts'],
  ])('is well when %j, and names %s', (dns, way) => {
    expect(look(dns)).toEqual([`ok: set by ${way}`]);
    expect(look(dns, false)).toEqual([`ok: will be set by ${way}`]);
  });

  it('is well below another tunnel, which it names', () => {
    expect(look({ servers: ['10.9.9.9'], writtenFor: ['office', 'home'] })).toEqual([
      expect.stringMatching(/^ok: .*home came up later/),
    ]);
  });

  it.each(['file', 'resolvconf', 'resolvectl'] as const)(
    'is a problem when the file names others, in spite of %s',
    (way) => {
      expect(look({ way })).toEqual([
        `problem: /etc/resolv.conf is not ours any more: it names ${OTHER} instead of ${OURS}`,
      ]);
    },
  );

  it('is a problem where the file cannot be written, unless it has the servers', () => {
    const dns = { way: 'none', fixed: 'it is read-only' } as const;
    for (const isRunning of [true, false]) {
      expect(look(dns, isRunning)).toEqual([
        `problem: ${OURS} cannot be written to /etc/resolv.conf: it is read-only`,
      ]);
      expect(look({ ...dns, servers: [OURS] }, isRunning)).toEqual([
        'ok: named in /etc/resolv.conf',
      ]);
    }
  });
});

describe('a file that was left behind', () => {
  const dns = { ...FILE, servers: [OURS], writtenFor: ['office'] };

  it('is a problem, with the way to get the old one back', () => {
    expect(checkLeftDns(machineWith({ dns }))).toEqual([
      expect.objectContaining({ state: 'problem', hint: 'sudo wg-ts down office' }),
    ]);
  });

  it('is none while the tunnel is up, or is said to have crashed', () => {
    const interfaces = [{ name: 'office', addresses: [] }];
    expect(checkLeftDns(machineWith({ dns, interfaces }))).toEqual([]);
    expect(checkLeftDns(machineWith({ dns, crashedTunnels: ['office'] }))).toEqual([]);
    expect(checkLeftDns(machineWith({ dns: FILE }))).toEqual([]);
  });
});
