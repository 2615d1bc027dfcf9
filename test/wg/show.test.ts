import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FIELD_NAMES, formatField } from '../../cli/wg/show-fields.js';
import { formatBytes, formatDuration, formatInterface } from '../../cli/wg/show-text.js';
import { formatShowconf } from '../../cli/wg/showconf.js';
import { toJson, withoutSecrets, withSecrets } from '../../cli/wg/shown.js';
import { generatePresharedKey, generatePrivateKey } from '../../src/keys.js';
import { base64, secret, uapiDevice, uapiPeer } from './support.js';

const SECOND = 1_000_000_000n;

const full = uapiDevice({
  privateKey: secret(7),
  listenPort: 51820,
  fwMark: 0xca6c,
  dataPlane: 'portable',
  peers: [
    uapiPeer(1),
    uapiPeer(2, {
      presharedKey: secret(9),
      endpoint: '[2001:DB8:0::1]:5',
      latestHandshake: 100n * SECOND + 5n,
      rxBytes: 2048n,
      txBytes: 5n,
      persistentKeepalive: 65,
      allowedIps: ['10.0.0.0/8', '::102:304/128'],
    }),
  ],
});

describe('wg show', () => {
  it.each([
    [0n, '0 B'],
    [1023n, '1023 B'],
    [1024n, '1.00 KiB'],
    [1152n, '1.12 KiB'],
    [1_048_575n, '1024.00 KiB'],
    [1_048_576n, '1.00 MiB'],
    [2n ** 50n, '1024.00 TiB'],
  ])('writes %d bytes as %s', (count, text) => {
    expect(formatBytes(count)).toBe(text);
  });

  it.each([
    [1, '1 second'],
    [65, '1 minute, 5 seconds'],
    [3600, '1 hour'],
    [365 * 86_400 + 2 * 86_400 + 2, '1 year, 2 days, 2 seconds'],
  ])('writes %d seconds as %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });

  it('says how long something is without losing a second', () => {
    const lengths: Record<string, number> = {
      year: 31_536_000,
      day: 86_400,
      hour: 3600,
      minute: 60,
      second: 1,
    };
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 ** 9 }), (seconds) => {
        const parts = formatDuration(seconds)
          .split(', ')
          .map((part) => part.split(' '));
        const sum = parts.reduce(
          (total, [count, unit = '']) =>
            total + Number(count) * (lengths[unit.replace(/s$/, '')] ?? Number.NaN),
          0,
        );
        expect(sum).toBe(seconds);
      }),
    );
  });

  it('hides keys, shows the peer heard from last first, and counts from now', () => {
    expect(formatInterface(withoutSecrets('office', full), false, 161)).toBe(
      [
        'interface: office',
        `  public key: ${withoutSecrets('office', full).publicKey}`,
        '  private key: (hidden)',
        '  listening port: 51820',
        '  fwmark: 0xca6c',
        '',
        `peer: ${base64(2)}`,
        '  preshared key: (hidden)',
        '  endpoint: [2001:db8::1]:5',
        '  allowed ips: 10.0.0.0/8, ::1.2.3.4/128',
        '  latest handshake: 1 minute, 1 second ago',
        '  transfer: 2.00 KiB received, 5 B sent',
        '  persistent keepalive: every 1 minute, 5 seconds',
        '',
        `peer: ${base64(1)}`,
        '  allowed ips: (none)',
        '',
      ].join('\n'),
    );
  });

  it.each([
    [100, 'latest handshake: Now\n'],
    [99, 'latest handshake: (System clock wound backward; connection problems may ensue.)\n'],
  ])('at second %i shows a handshake of second 100 as wg does', (now, text) => {
    expect(formatInterface(withoutSecrets('office', full), false, now)).toContain(text);
  });

  it('shows keys only where they are wanted', () => {
    const text = formatInterface(withSecrets('office', full), false, 161);
    expect(text).toContain(`  private key: ${base64(7)}\n`);
    expect(text).toContain(`peer: ${base64(2)}\n  preshared key: ${base64(9)}\n`);
    expect(JSON.stringify(toJson(withSecrets('office', full)))).not.toContain(base64(9));
  });

  it('loses nothing without its colours', () => {
    const shown = withoutSecrets('office', full);
    const colored = formatInterface(shown, true, 161);
    expect(colored.startsWith('\x1b[0m\x1b[32m\x1b[1minterface\x1b[0m: \x1b[32moffice')).toBe(true);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what colours are made of.
    expect(colored.replace(/\x1b\[\d+m/g, '')).toBe(formatInterface(shown, false, 161));
  });

  it.each([
    ['listen-port', '51820\n'],
    ['fwmark', '0xca6c\n'],
    ['private-key', `${base64(7)}\n`],
    ['peers', `${base64(1)}\n${base64(2)}\n`],
    ['preshared-keys', `${base64(1)}\t(none)\n${base64(2)}\t${base64(9)}\n`],
    ['endpoints', `${base64(1)}\t(none)\n${base64(2)}\t[2001:db8::1]:5\n`],
    ['allowed-ips', `${base64(1)}\t(none)\n${base64(2)}\t10.0.0.0/8 ::1.2.3.4/128\n`],
    ['latest-handshakes', `${base64(1)}\t0\n${base64(2)}\t100\n`],
    ['transfer', `${base64(1)}\t0\t0\n${base64(2)}\t2048\t5\n`],
    ['persistent-keepalive', `${base64(1)}\toff\n${base64(2)}\t65\n`],
    [
      'dump',
      [
        `${base64(7)}\t${withoutSecrets('x', full).publicKey}\t51820\t0xca6c\n`,
        `${base64(1)}\t(none)\t(none)\t(none)\t0\t0\t0\toff\n`,
        `${base64(2)}\t${base64(9)}\t[2001:db8::1]:5\t10.0.0.0/8,::1.2.3.4/128\t100\t2048\t5\t65\n`,
      ].join(''),
    ],
  ])('has bare values for %s', (field, text) => {
    expect(formatField(full, field)).toBe(text);
    const lines = text.split('\n').slice(0, -1);
    expect(formatField(full, field, { name: 'x' })).toBe(
      lines.map((line) => `x\t${line}\n`).join(''),
    );
  });

  it('knows no other field, not even one of Object', () => {
    for (const field of ['', 'Peers', 'toString', 'constructor'])
      expect(formatField(full, field)).toBeUndefined();
  });

  it('prints something for an empty interface', () => {
    const bare = uapiDevice();
    expect(formatField(bare, 'dump')).toBe('(none)\t(none)\t0\toff\n');
    expect(formatField(bare, 'public-key')).toBe('(none)\n');
    expect(formatShowconf(bare)).toBe('[Interface]\n\n');
    for (const field of FIELD_NAMES) expect(formatField(bare, field)).toBeDefined();
  });

  it('is numbers for programs, without a secret', () => {
    const privateKey = generatePrivateKey();
    const peer = (fill: number, latestHandshake: bigint) =>
      uapiPeer(fill, { presharedKey: generatePresharedKey(), latestHandshake, rxBytes: 5n });
    const peers = [peer(1, 0n), peer(2, 5n * SECOND + 1n), peer(3, 5n * SECOND + 2n)];
    const json = toJson(withoutSecrets('office', uapiDevice({ privateKey, peers })));
    expect(json).toEqual({
      name: 'office',
      publicKey: expect.stringMatching(/=$/),
      listenPort: 0,
      fwMark: 0,
      peers: [3, 2, 1].map((fill) => ({
        publicKey: base64(fill),
        hasPresharedKey: true,
        endpoint: null,
        allowedIps: [],
        latestHandshake: fill === 1 ? 0 : 5,
        rxBytes: 5,
        txBytes: 0,
        persistentKeepalive: 0,
      })),
    });
    const key = Buffer.from(privateKey.expose()).toString('base64');
    expect(JSON.stringify(json)).not.toContain(key);
  });
});
