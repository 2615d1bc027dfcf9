import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../crypto/secret.js';
import { formatPrefix, type IpPrefix, maskPrefix } from '../../protocol/ip.js';
import { describeConfig } from '../../src/config/describe.js';
import { formatConfig } from '../../src/config/format.js';
import type { Config } from '../../src/config/model.js';
import { parseConfig } from '../../src/config/parse.js';
import { WgTsError } from '../../system/errors.js';
import { INTERFACE, PEER, PRESHARED_KEY, PRIVATE_KEY, PUBLIC_KEY, plain } from './samples.js';

const key: fc.Arbitrary<Uint8Array> = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .filter((bytes) => bytes.some((byte) => byte !== 0));

const prefix: fc.Arbitrary<IpPrefix> = fc.constantFrom(4, 16).chain((size) =>
  fc.record({
    address: fc.uint8Array({ minLength: size, maxLength: size }),
    length: fc.nat(size * 8),
  }),
);

const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });

const domain: fc.Arbitrary<string> = fc.stringMatching(
  /^[a-z]([a-z0-9-]{0,8}[a-z0-9])?\.[a-z]{2,5}$/,
);
const server: fc.Arbitrary<string> = fc.constantFrom('192.0.2.53', 'fd00::53', 'fe80::1%eth0');
const command: fc.Arbitrary<string> = fc
  .stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/)
  .filter((text) => !text.includes('#'));
const commands: fc.Arbitrary<string[]> = fc.array(command, { maxLength: 3 });

function present<T extends object>(record: T): T {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T;
}

const interfaceConfig: fc.Arbitrary<Config['interface']> = fc
  .record({
    privateKey: key.map((bytes) => Secret.copyOf(bytes)),
    listenPort: optional(fc.integer({ min: 1, max: 65_535 })),
    fwMark: optional(fc.integer({ min: 1, max: 0xffff_ffff })),
    addresses: fc.array(prefix, { maxLength: 4 }),
    dnsServers: fc.array(server, { maxLength: 3 }),
    dnsSearch: fc.array(domain, { maxLength: 3 }),
    mtu: optional(fc.integer({ min: 68, max: 65_535 })),
    table: fc.oneof(
      fc.constantFrom('auto' as const, 'off' as const),
      fc.integer({ min: 1, max: 0xffff_ffff }),
    ),
    preUp: commands,
    postUp: commands,
    preDown: commands,
    postDown: commands,
    saveConfig: fc.boolean(),
    reresolveInterval: optional(fc.integer({ min: 1, max: 86_400 })),
    metrics: optional(
      fc.record({
        host: fc.constantFrom('127.0.0.1', '0.0.0.0', '::1', 'fd00::1'),
        port: fc.integer({ min: 1, max: 65_535 }),
      }),
    ),
    probesMtu: optional(fc.constant(true)),
  })
  .map(({ mtu, ...record }) => ({ ...record, mtu: record.probesMtu ? undefined : mtu }))
  .map((record) => present(record) as Config['interface']);

const config: fc.Arbitrary<Config> = fc
  .record({
    interface: interfaceConfig,
    peers: fc.uniqueArray(
      fc
        .record({
          publicKey: key,
          presharedKey: optional(key.map((bytes) => Secret.copyOf(bytes))),
          allowedIps: fc.array(prefix.map(maskPrefix), { maxLength: 4 }),
          endpoint: optional(
            fc.record({
              host: fc.oneof(domain, server),
              port: fc.integer({ min: 1, max: 65_535 }),
            }),
          ),
          fallbackEndpoints: optional(
            fc.array(fc.record({ host: domain, port: fc.integer({ min: 1, max: 65_535 }) }), {
              minLength: 1,
              maxLength: 3,
            }),
          ),
          persistentKeepalive: optional(fc.integer({ min: 1, max: 65_535 })),
        })
        .map(({ fallbackEndpoints, ...peer }) => {
          const others = peer.endpoint && fallbackEndpoints;
          return present({ ...peer, fallbackEndpoints: others }) as Config['peers'][number];
        }),
      { maxLength: 3, selector: ({ publicKey }) => publicKey.join() },
    ),
  })
  .filter(({ peers }) => {
    const networks = peers.flatMap((peer) => peer.allowedIps.map(formatPrefix));
    return new Set(networks).size === networks.length;
  });

describe('formatConfig', () => {
  it('writes what parseConfig reads', () => {
    fc.assert(
      fc.property(config, (original) => {
        const read = parseConfig(formatConfig(original));
        expect(plain(read)).toEqual(plain({ config: original, warnings: [] }));
      }),
      { numRuns: 200 },
    );
  });

  it('writes a file as people do', () => {
    const text = `${INTERFACE}Address = 10.0.0.2/24, fd00::2/64
DNS = 192.0.2.53, example.com

${PEER}PresharedKey = ${PRESHARED_KEY}
AllowedIPs = 10.0.0.0/24
Endpoint = [2001:db8::1]:51820
PersistentKeepalive = 25
`;
    expect(formatConfig(parseConfig(text).config)).toBe(text);
  });

  it.each(['a # b', 'a\nPrivateKey = x', 'a\rb'])('refuses the command %j', (hook) => {
    const { config: base } = parseConfig(INTERFACE);
    const bad = { ...base, interface: { ...base.interface, postUp: [hook] } };
    expect(() => formatConfig(bad)).toThrow(WgTsError);
  });
});

describe('describeConfig', () => {
  const text = `${INTERFACE}Address = 10.0.0.2/24
DNS = 192.0.2.53, example.com
PostUp = curl -H "Authorization: token" https://example.com
${PEER}PresharedKey = ${PRESHARED_KEY}
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = vpn.example.com:51820
PersistentKeepalive = 25
`;

  it('explains a configuration', () => {
    const { config: parsed } = parseConfig(text);
    const publicKey = new Uint8Array(32).fill(1);
    expect(describeConfig(parsed, { name: 'office', publicKey })).toBe(`interface office
  public key      ${Buffer.from(publicKey).toString('base64')}
  private key     (hidden)
  addresses       10.0.0.2/24
  DNS servers     192.0.2.53
  DNS search      example.com
  MTU             from the route to the endpoint
  listen port     chosen by the system
  routes          all traffic goes through the tunnel (default route)
  PostUp          1 command

peer ${PUBLIC_KEY}
  endpoint        vpn.example.com:51820
  allowed IPs     0.0.0.0/0, ::/0
  preshared key   (hidden)
  keepalive       every 25 seconds
`);
  });

  it('explains the endpoints of a peer, and how often its name is looked up', () => {
    const { config: parsed } = parseConfig(
      `${INTERFACE}ReresolveInterval = 60\n${PEER}Endpoint = a.example:1, b.example:2\n`,
    );
    const shown = describeConfig(parsed);
    expect(shown).toContain('  names           looked up again every 60 seconds\n');
    expect(shown).toContain('  endpoint        a.example:1\n  or else         b.example:2\n');
  });

  it('explains where metrics are served', () => {
    const { config: parsed } = parseConfig(`${INTERFACE}Metrics = [::1]:9586\n`);
    expect(describeConfig(parsed)).toContain(
      '  metrics         served at http://[::1]:9586/metrics\n',
    );
  });

  it('holds no secret', () => {
    const shown = describeConfig(parseConfig(text).config);
    for (const secret of [PRIVATE_KEY, PRESHARED_KEY, 'token']) expect(shown).not.toContain(secret);
  });

  it.each([
    ['auto', '10.0.0.0/8', 'only the allowed IPs go through the tunnel'],
    ['auto', '', 'none, as no peer has allowed IPs'],
    [
      'auto',
      '0.0.0.0/0',
      'all IPv4 traffic, but not all IPv6, goes through the tunnel (default route)',
    ],
    ['auto', '::/0', 'all IPv6 traffic, but not all IPv4, goes through the tunnel (default route)'],
    ['off', '::/0', 'none are added (Table = off)'],
    ['99', '10.0.0.0/8', 'only the allowed IPs go through the tunnel, in routing table 99'],
  ])('explains the routes for Table = %s and AllowedIPs = %s', (table, networks, expected) => {
    const { config: parsed } = parseConfig(
      `${INTERFACE}Table = ${table}\n${PEER}AllowedIPs = ${networks}`,
    );
    expect(describeConfig(parsed)).toContain(`routes          ${expected}\n`);
  });
});
