import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatPrefix } from '../../protocol/ip.js';
import { describeConfig } from '../../src/config/describe.js';
import { excludedNetworks, excludeLan } from '../../src/config/exclude.js';
import { formatConfig } from '../../src/config/format.js';
import { parseConfig } from '../../src/config/parse.js';
import { INTERFACE, OTHER_PUBLIC_KEY, PEER, plain, problemsOf } from './samples.js';

const read = (text: string) => parseConfig(text).config;
const allowed = (text: string): string[] =>
  read(text).peers.flatMap(({ allowedIps }) => allowedIps.map(formatPrefix));
/** One peer with the given lines. */
const peer = (allowedIps: string, excludedIps: string, own = ''): string =>
  `${INTERFACE}${own}${PEER}AllowedIPs = ${allowedIps}\nExcludedIPs = ${excludedIps}\n`;

function has(networks: readonly string[], ip: string): boolean {
  const list = new BlockList();
  for (const [address = '', length] of networks.map((network) => network.split('/')))
    list.addSubnet(address, Number(length), 'ipv4');
  return list.check(ip, 'ipv4');
}

describe('ExcludedIPs', () => {
  it.each([
    ['10.0.0.0/8', '10.128.0.0/9', ['10.0.0.0/9']],
    ['10.0.0.0/30', '10.0.0.1', ['10.0.0.0/32', '10.0.0.2/31']],
    ['0.0.0.0/0, ::/0', '0.0.0.0/1', ['128.0.0.0/1', '::/0']],
    ['fd00::/8', 'fd80::7/9', ['fd00::/9']],
    ['10.0.0.0/24', '10.0.0.0/8', []],
    ['10.0.0.0/24', '192.0.2.0/24', ['10.0.0.0/24']],
    ['10.0.0.0/24, 10.0.1.0/24', '192.0.2.0/24', ['10.0.0.0/23']],
  ])('leave of %s, without %s, %j', (given, excluded, left) => {
    expect(allowed(peer(given, excluded))).toEqual(left);
  });

  it('may be repeated, in any case, and are for their peer alone', () => {
    const text =
      `${INTERFACE}${PEER}AllowedIPs = 10.0.0.0/8\nexcludedips = 10.0.0.0/9\n` +
      `ExcludedIPs = 10.128.0.0/10, 192.0.2.0/24\n` +
      `[Peer]\nPublicKey = ${OTHER_PUBLIC_KEY}\nAllowedIPs = 10.1.0.0/16\n`;
    expect(allowed(text)).toEqual(['10.192.0.0/10', '10.1.0.0/16']);
  });

  it('leave neither less nor more than what was asked for', () => {
    const network = fc
      .tuple(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.integer({ min: 0, max: 32 }))
      .map(([address, length]) => formatPrefix({ address, length }));
    const networks = fc.uniqueArray(network, { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(networks, networks, fc.array(network), (given, excluded, others) => {
        const left = allowed(peer(given.join(', '), excluded.join(', ')));
        for (const [ip = ''] of [...given, ...excluded, ...left, ...others].map((n) =>
          n.split('/'),
        ))
          expect(has(left, ip), ip).toBe(has(given, ip) && !has(excluded, ip));
      }),
      { numRuns: 200 },
    );
  });

  it('stay when the same peer is listed again without them', () => {
    const text = `${peer('0.0.0.0/0', '0.0.0.0/1')}${PEER}AllowedIPs = 0.0.0.0/0\n`;
    expect(allowed(text)).toEqual(['128.0.0.0/1']);
  });

  it.each([
    ['wan', "x.conf:6:15: ExcludedIPs: 'wan' is neither a network nor 'lan'"],
    ['lan, 10.0.0.0/33', "x.conf:6:20: ExcludedIPs: '10.0.0.0/33' is neither a network nor 'lan'"],
    ['lan,', 'x.conf:6:19: ExcludedIPs: a network is missing beside a comma'],
  ])('cannot be %s', (value, problem) => {
    expect(problemsOf(peer('0.0.0.0/0', value))).toEqual([problem]);
  });

  it('belong to [Peer]', () => {
    expect(problemsOf(`${INTERFACE}ExcludedIPs = lan\n`)).toEqual([
      'x.conf:3:1: ExcludedIPs belongs in [Peer]',
    ]);
  });
});

describe('lan', () => {
  const own = 'Address = 10.64.0.2/24, fd64::2/64\nDNS = 192.168.5.53, fe80::1%eth0\n';
  const left = (given: string): string[] => allowed(peer(given, 'lan', own));

  it.each([
    '10.0.0.0/16',
    '172.16.0.0/12',
    '192.168.7.0/24',
    '169.254.0.0/16',
    '224.0.0.251/32',
    'fd00::/64',
    'fe80::/10',
    'ff02::/16',
  ])('has %s', (network) => {
    expect(left(network)).toEqual([]);
  });

  it.each([
    '9.255.255.255/32',
    '100.64.0.0/10',
    '172.15.0.0/16',
    '172.32.0.0/16',
    '192.169.0.0/16',
    '2001:db8::/32',
  ])('does not have %s', (network) => {
    expect(left(network)).toEqual([network]);
  });

  it.each(['10.64.0.0/24', 'fd64::/64', '192.168.5.53/32'])(
    'does not have %s, as that is the tunnel’s own',
    (network) => {
      expect(left(network)).toEqual([network]);
    },
  );

  it('is left out of each default route by an option', () => {
    const config = read(
      `${INTERFACE}${own}${PEER}AllowedIPs = 0.0.0.0/0\nExcludedIPs = 1.0.0.0/8\n`,
    );
    const changed = excludeLan(config);
    expect(plain({ config: changed, warnings: [] })).toEqual(
      plain(parseConfig(peer('0.0.0.0/0', '1.0.0.0/8, lan', own))),
    );
    expect(excludeLan(changed)).toBe(changed);
    const split = read(`${INTERFACE}${PEER}AllowedIPs = 10.0.0.0/8\n`);
    expect(excludeLan(split)).toBe(split);
  });
});

describe('what goes past the tunnel', () => {
  it('is what is excluded and belongs to no peer, in few networks', () => {
    const text =
      `${peer('0.0.0.0/0', '10.0.0.0/9, 10.128.0.0/9, 10.1.0.0/16')}` +
      `[Peer]\nPublicKey = ${OTHER_PUBLIC_KEY}\nAllowedIPs = 10.128.0.0/9\n`;
    expect(excludedNetworks(read(text))).toEqual(['10.0.0.0/9']);
    expect(excludedNetworks(read(`${INTERFACE}${PEER}AllowedIPs = 0.0.0.0/0\n`))).toEqual([]);
  });
});

describe('a configuration with ExcludedIPs and KillSwitch', () => {
  const text = peer('0.0.0.0/0, ::/0', 'lan, 192.0.2.0/24', 'KillSwitch = true\n');

  it('is written as it was read', () => {
    const written = formatConfig(read(text));
    expect(written).toContain('\nKillSwitch = true\n');
    expect(written).toContain('\nAllowedIPs = 0.0.0.0/0, ::/0\nExcludedIPs = lan, 192.0.2.0/24\n');
    expect(plain(parseConfig(written))).toEqual(plain(parseConfig(text)));
  });

  it('is explained by what is left', () => {
    const said = describeConfig(read(peer('10.0.0.0/8', '10.0.0.0/9', 'KillSwitch = true\n')));
    expect(said).toMatch(/allowed IPs +10\.128\.0\.0\/9\n/);
    expect(said).toMatch(/excluded IPs +10\.0\.0\.0\/9\n/);
    expect(said).toMatch(/kill switch +on/);
    expect(describeConfig(read(text))).toContain('all traffic but the excluded IPs goes through');
  });

  it('has no kill switch unless it says so', () => {
    expect(read(`${INTERFACE}KillSwitch = false\n`).interface.killSwitch).toBeUndefined();
    expect(problemsOf(`${INTERFACE}KillSwitch = yes\n`)).toEqual([
      "x.conf:3:14: KillSwitch: 'yes' is neither 'true' nor 'false'",
    ]);
  });
});
