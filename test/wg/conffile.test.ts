import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resolveChange } from '../../cli/wg/change.js';
import { parseWgFile } from '../../cli/wg/conffile.js';
import { resolutionRetries } from '../../cli/wg/retries.js';
import { formatShowconf } from '../../cli/wg/showconf.js';
import { formatPrefix } from '../../protocol/ip.js';
import { ConfigError } from '../../src/config/errors.js';
import { formatDeviceEndpoint } from '../../src/config/format.js';
import { base64, bytes, prefixes, secret, uapiDevice, uapiPeer } from './support.js';

const parse = (...lines: string[]) => parseWgFile(lines.join('\n'), { file: 'x.wg' });

describe('a file of wg(8)', () => {
  it('has keys of wg(8), of which only PublicKey is required', () => {
    const read = parse(
      '[interface]',
      `privatekey=${base64(7)} # ours`,
      'ListenPort = 1',
      'FwMark = off',
      '[Peer]',
      `PublicKey = ${base64(1)}`,
      'AllowedIPs = 10.0.0.1/8',
      'AllowedIPs = ::/0',
      'Endpoint = vpn.example.com:51820',
      'PersistentKeepalive = off',
      '[Peer]',
      `PublicKey = ${base64(1)}`,
    );
    const { change, endpoints } = read;
    expect(change).toMatchObject({ listenPort: 1, fwMark: 0 });
    expect(change.privateKey?.expose()).toEqual(bytes(7));
    expect(change.peers).toEqual([
      {
        publicKey: bytes(1),
        replaceAllowedIps: true,
        allowedIps: prefixes('10.0.0.0/8', '::/0'),
        persistentKeepalive: 0,
      },
      { publicKey: bytes(1), replaceAllowedIps: true, allowedIps: [] },
    ]);
    expect(change.peers.map((peer) => endpoints.get(peer))).toEqual([
      { host: 'vpn.example.com', port: 51820 },
      undefined,
    ]);
    expect(parse('')).toEqual({ change: { peers: [] }, endpoints: new Map() });
  });

  it.each([
    ['Address = 10.0.0.1/8', 'x.wg:2:1: Address is a key of wg-quick(8)'],
    ['PublicKey = x', 'x.wg:2:1: PublicKey belongs in [Peer]'],
    ['ListenPrt = 1', "unknown key 'ListenPrt'; did you mean ListenPort?"],
    ['ListenPort = x', 'x.wg:2:14: ListenPort: '],
    ['what', "is neither '[Section]' nor 'Key = value'"],
    ['[Peer]', '[Peer] has no PublicKey'],
    ['[Pear]', 'unknown section'],
  ])('is refused with %s', (line, message) => {
    expect(() => parse('[Interface]', line)).toThrow(message);
  });

  it('is refused with a key before the first section', () => {
    expect(() => parse('ListenPort = 1')).toThrow('ListenPort stands before the first section');
  });

  it('never ends in another error, nor shows a key', () => {
    const key = base64(200);
    const lines = ['[Interface]', '[Peer]', `PrivateKey = ${key}`, `PublicKey = ${key}`, key];
    const line = fc.oneof(fc.constantFrom(...lines), fc.string());
    fc.assert(
      fc.property(fc.array(line, { maxLength: 30 }), (all) => {
        try {
          parse(...all);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
          expect(String(error)).not.toContain(key.slice(0, 20));
        }
      }),
    );
  });

  it('is what showconf writes', async () => {
    const peer = fc.record({
      fill: fc.integer({ min: 1, max: 255 }),
      psk: fc.option(fc.integer({ min: 1, max: 255 }), { nil: undefined }),
      keepalive: fc.nat(65_535),
      allowedIps: fc.subarray(['10.0.0.0/8', '0.0.0.0/0', '2001:db8::/32', '::/0']),
      endpoint: fc.constantFrom(undefined, '192.0.2.1:1', '[2001:db8::1]:65535'),
    });
    const peers = fc.uniqueArray(peer, { selector: ({ fill }) => fill, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.nat(65_535), fc.nat(0xffff_ffff), peers, async (port, mark, specs) => {
        const device = uapiDevice({
          privateKey: secret(5),
          listenPort: port,
          fwMark: mark,
          peers: specs.map(({ fill, psk, keepalive, allowedIps, endpoint }) =>
            uapiPeer(fill, {
              ...(psk !== undefined && { presharedKey: secret(psk) }),
              ...(endpoint !== undefined && { endpoint }),
              persistentKeepalive: keepalive,
              allowedIps,
            }),
          ),
        });
        const text = formatShowconf(device);
        const { peers: read, ...rest } = await resolveChange(parse(text));
        const again = uapiDevice({
          ...rest,
          peers: read.map(({ publicKey: _, endpoint, allowedIps = [], ...more }, i) =>
            uapiPeer(specs[i]?.fill ?? 0, {
              ...(more as object),
              ...(endpoint && { endpoint: formatDeviceEndpoint(endpoint) }),
              allowedIps: allowedIps.map(formatPrefix),
            }),
          ),
        });
        expect(formatShowconf(again)).toBe(text);
      }),
      { numRuns: 50 },
    );
  });
});

describe('the names in it', () => {
  const [stays, goes] = [{ publicKey: bytes(1) }, { publicKey: bytes(2), remove: true }];
  const read = {
    change: { peers: [stays, goes] },
    endpoints: new Map([
      [stays, { host: 'vpn.example.com', port: 1 }],
      [goes, { host: 'gone.example.com', port: 1 }],
    ]),
  };

  it('become addresses, but for peers that go', async () => {
    const asked: string[] = [];
    const resolver = async (host: string) => {
      asked.push(host);
      return ['2001:db8::1'];
    };
    const { peers } = await resolveChange(read, { resolver });
    expect(asked).toEqual(['vpn.example.com']);
    expect(peers.map(({ endpoint }) => endpoint)).toEqual([
      { address: '2001:db8::1', port: 1 },
      undefined,
    ]);
  });

  it.each([
    [undefined, {}],
    ['3', { retries: 3 }],
    ['infinity', { retries: Number.POSITIVE_INFINITY }],
  ])('are asked for again as WG_ENDPOINT_RESOLUTION_RETRIES=%s says', (text, options) => {
    expect(resolutionRetries({ WG_ENDPOINT_RESOLUTION_RETRIES: text })).toEqual(options);
  });

  it('are not asked for with an invalid number', () => {
    const env = { WG_ENDPOINT_RESOLUTION_RETRIES: 'often' };
    expect(() => resolutionRetries(env)).toThrow(/neither a number nor/);
  });
});
