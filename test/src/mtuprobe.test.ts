import { describe, expect, it, vi } from 'vitest';
import { parsePrefix } from '../../protocol/ip.js';
import type { Logger } from '../../src/logger.js';
import { startMtuProbe } from '../../src/tunnel/mtuprobe.js';
import { type ProbedTunnel, probeMtu, probeTargets } from '../../system/pathmtu.js';
import {
  linuxPingArguments,
  type PingAnswer,
  type Pinger,
  pingAnswer,
  windowsPingArguments,
} from '../../system/ping.js';
import { orAborted } from '../../system/waiting.js';

function tunnel(
  addresses: string[],
  allowedIps: string[],
  dnsServers: string[] = [],
): ProbedTunnel {
  const prefixes = (texts: string[]) => texts.flatMap((text) => parsePrefix(text) ?? []);
  return {
    addresses: prefixes(addresses),
    dnsServers,
    peers: [{ allowedIps: prefixes(allowedIps) }],
  };
}

/** A path that carries packets up to `limit`. */
function path(limit: number, small: PingAnswer = 'reply'): ReturnType<typeof vi.fn<Pinger>> {
  return vi.fn<Pinger>(async ({ packetBytes }) =>
    packetBytes === undefined ? small : packetBytes <= limit ? 'reply' : 'silence',
  );
}

const V4 = tunnel(['10.0.0.2/24'], ['10.0.0.1/32']);
const V6 = tunnel(['fd00::2/64'], ['fd00::1/128']);

describe('probeTargets', () => {
  it.each([
    ['the peer’s own address', V4, ['10.0.0.1']],
    [
      'name servers that are behind the peer',
      tunnel(['10.0.0.2/32'], ['0.0.0.0/0'], ['10.0.0.53', 'fd00::53']),
      ['10.0.0.53'],
    ],
    ['the first host of our network', tunnel(['10.0.0.2/24'], ['0.0.0.0/0']), ['10.0.0.1']],
    [
      'the first host of an allowed network',
      tunnel(['10.0.0.2/32'], ['10.7.0.0/16']),
      ['10.7.0.1'],
    ],
    ['nobody, and not ourselves', tunnel(['10.0.0.1/24'], ['10.0.0.0/24']), []],
  ])('are %s', (_, probed, expected) => {
    expect(probeTargets(probed)).toEqual(expected);
  });
});

describe('probeMtu', () => {
  it.each([
    [1420, 1500, 1420],
    [1420, 1420, 1420],
    [1420, 1419, 1408],
    [1420, 1300, 1296],
    [1420, 1280, 1280],
    [1420, 1240, 1232],
    [1420, 600, 592],
    [8920, 1420, 1408],
    [1200, 1100, 1088],
  ])('starts from %d and finds what a path of %d carries: %d', async (currentMtu, limit, mtu) => {
    const ping = path(limit);
    const result = await probeMtu(V4, { interfaceName: 'office', currentMtu, ping });
    expect(result).toEqual({ state: 'found', mtu, target: '10.0.0.1' });
    expect(ping.mock.calls.length).toBeLessThan(15);
    for (const [{ interfaceName }] of ping.mock.calls) expect(interfaceName).toBe('office');
  });

  it.each([
    ['blocked', V6, 1279, 'reply'],
    ['blocked', V4, 500, 'reply'],
    ['silent', V4, 1500, 'silence'],
    ['unavailable', V4, 1500, 'unavailable'],
  ] as const)('is %s', async (state, probed, limit, small) => {
    const ping = path(limit, small);
    const result = await probeMtu(probed, { interfaceName: 'office', currentMtu: 1420, ping });
    expect(result.state).toBe(state);
  });
});

describe('MTU = probe', () => {
  async function adopt(
    probed: ProbedTunnel,
    ping: Pinger,
  ): Promise<{ set: number[]; log: string }> {
    const [set, log]: [number[], string[]] = [[], []];
    const say = (line: string): void => void log.push(line);
    const logger: Logger = { debug: say, info: say, warn: say, error: say };
    let done = (): void => undefined;
    const told = new Promise<void>((resolve) => {
      done = resolve;
    });
    const settle = (line: string): void => {
      say(line);
      if (!line.includes('IPv6')) done();
    };
    const end = startMtuProbe({
      name: 'office',
      tunnel: probed,
      logger: { ...logger, info: settle, warn: settle },
      currentMtu: () => 1420,
      async firstSession() {
        await new Promise(setImmediate);
        expect(ping).not.toHaveBeenCalled();
      },
      setMtu: async (mtu) => void set.push(mtu),
      ping,
    });
    await told;
    await end();
    return { set, log: log.join('\n') };
  }

  it('waits for the handshake, and takes the size that passes', async () => {
    const { set, log } = await adopt(V4, path(1240));
    expect(set).toEqual([1232]);
    expect(log).toContain('MTU 1232 from now on');
  });

  it('leaves an MTU that passes', async () => {
    expect((await adopt(V4, path(1500))).set).toEqual([]);
  });

  it('never goes below what IPv6 in the tunnel needs', async () => {
    const both = tunnel(['10.0.0.2/24', 'fd00::2/64'], ['10.0.0.1/32']);
    const { set, log } = await adopt(both, path(1240));
    expect(set).toEqual([1280]);
    expect(log).toContain('only 1232 bytes reach 10.0.0.1');
  });

  it.each([['silence'], ['unavailable']] as const)(
    'keeps the MTU at %s, and says so',
    async (small) => {
      const { set, log } = await adopt(V4, path(1500, small));
      expect(set).toEqual([]);
      expect(log).toContain('the MTU stays at 1420');
    },
  );

  it('ends with the tunnel, even before a handshake', async () => {
    const ping = path(1500);
    const end = startMtuProbe({
      name: 'office',
      tunnel: V4,
      logger: { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() },
      currentMtu: () => 1420,
      firstSession: (signal) => orAborted(new Promise(() => undefined), signal),
      setMtu: async () => undefined,
      ping,
    });
    await end();
    expect(ping).not.toHaveBeenCalled();
  });
});

describe('ping', () => {
  it('gets the payload size, in either family, and the option not to fragment', () => {
    const v4 = linuxPingArguments({
      address: '10.0.0.1',
      packetBytes: 1420,
      interfaceName: 'office',
    });
    expect(v4.join(' ')).toMatch(/-M do -s 1392 -I office -- 10\.0\.0\.1$/);
    expect(linuxPingArguments({ address: 'fd00::1', packetBytes: 1280 })).toContain('1232');
    expect(windowsPingArguments({ address: '10.0.0.1', packetBytes: 1420 }).join(' ')).toContain(
      '-f -l 1392',
    );
  });

  it.each<[string, number, string, PingAnswer]>([
    ['an answer', 0, '64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=0.1 ms', 'reply'],
    ['a router', 1, 'From 10.0.0.1 icmp_seq=1 Time to live exceeded', 'hop'],
    ['a router without a route', 1, 'From 10.0.0.1 icmp_seq=1 Destination Net Unreachable', 'hop'],
    ['nobody', 1, '3 packets transmitted, 0 received, 100% packet loss, time 2003ms', 'silence'],
    ['too large', 1, 'ping: local error: message too long, mtu=1300', 'silence'],
    ['wrong arguments', 2, '', 'unavailable'],
    ['Windows', 0, 'Antwort von 10.0.0.1: Bytes=32 Zeit=4ms TTL=64', 'reply'],
  ])('means %s', (_, status, output, expected) => {
    expect(pingAnswer(status, output, '')).toBe(expected);
  });
});
