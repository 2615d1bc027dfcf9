import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../crypto/secret.js';
import {
  encodeErrno,
  encodeGet,
  parseGet,
  type UapiDevice,
  UapiError,
  type UapiPeer,
  zeroSecrets,
} from '../../src/uapi/codec.js';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const HEX = '0123456789abcdef'.repeat(4);

const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
const nonZeroKey = key.filter((bytes) => bytes.some((byte) => byte !== 0));
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });

const peer: fc.Arbitrary<UapiPeer> = fc
  .record({
    publicKey: key,
    presharedKey: optional(nonZeroKey),
    endpoint: optional(fc.constantFrom('192.0.2.1:51820', '[2001:db8::1]:1', '[fe80::1%2]:65535')),
    latestHandshake: fc.bigInt(0n, 10n ** 19n),
    rxBytes: fc.bigInt(0n, 2n ** 64n - 1n),
    txBytes: fc.bigInt(0n, 2n ** 64n - 1n),
    persistentKeepalive: fc.integer({ min: 0, max: 65_535 }),
    allowedIps: fc.array(fc.constantFrom('10.0.0.0/8', '::/0', '192.0.2.7/32'), { maxLength: 5 }),
  })
  .map(({ presharedKey, endpoint, ...rest }) => ({
    ...rest,
    ...(presharedKey && { presharedKey: Secret.copyOf(presharedKey) }),
    ...(endpoint !== undefined && { endpoint }),
  }));

const device: fc.Arbitrary<UapiDevice> = fc
  .record({
    privateKey: optional(key),
    listenPort: fc.integer({ min: 0, max: 65_535 }),
    fwMark: fc.integer({ min: 0, max: 0xffff_ffff }),
    dataPlane: optional(fc.constantFrom('portable', 'native')),
    peers: fc.array(peer, { maxLength: 4 }),
  })
  .map(({ privateKey, dataPlane, ...rest }) => ({
    ...rest,
    ...(privateKey && { privateKey: Secret.copyOf(privateKey) }),
    ...(dataPlane !== undefined && { dataPlane }),
  }));

/** With the secrets as numbers, as Secret compares equal to any other in an assertion. */
function plain({ privateKey, peers, ...rest }: UapiDevice): unknown {
  return {
    ...rest,
    privateKey: privateKey && [...privateKey.expose()],
    peers: peers.map(({ presharedKey, publicKey, ...others }) => ({
      ...others,
      publicKey: [...publicKey],
      presharedKey: presharedKey && [...presharedKey.expose()],
    })),
  };
}

describe('an answer to get=1', () => {
  it('reads as what was written', () => {
    fc.assert(
      fc.property(device, (written) => {
        expect(plain(parseGet(encodeGet(written)))).toEqual(plain(written));
      }),
      { numRuns: 100 },
    );
  });

  it('has the keys and the order of the protocol', () => {
    const secret = (fill: number): Secret => Secret.take(new Uint8Array(32).fill(fill));
    const text = textOf(
      encodeGet({
        privateKey: secret(0xab),
        listenPort: 51820,
        fwMark: 51821,
        peers: [
          {
            publicKey: new Uint8Array(32).fill(0x0c),
            presharedKey: secret(1),
            endpoint: '[2001:db8::1]:51820',
            latestHandshake: 1_700_000_000_000_000_007n,
            rxBytes: 2n ** 60n,
            txBytes: 5n,
            persistentKeepalive: 25,
            allowedIps: ['10.0.0.0/8', '::/0'],
          },
        ],
      }),
    );
    expect(text.split('\n')).toEqual([
      `private_key=${'ab'.repeat(32)}`,
      'listen_port=51820',
      'fwmark=51821',
      `public_key=${'0c'.repeat(32)}`,
      `preshared_key=${'01'.repeat(32)}`,
      'protocol_version=1',
      'endpoint=[2001:db8::1]:51820',
      'last_handshake_time_sec=1700000000',
      'last_handshake_time_nsec=7',
      'tx_bytes=5',
      'rx_bytes=1152921504606846976',
      'persistent_keepalive_interval=25',
      'allowed_ip=10.0.0.0/8',
      'allowed_ip=::/0',
      'errno=0',
      '',
      '',
    ]);
  });

  it('may have keys that are not known, and a preshared key of zeros for none', () => {
    const text = `new_thing=7\npublic_key=${HEX}\npreshared_key=${'00'.repeat(32)}\nother=x\nerrno=0\n\n`;
    const [only] = parseGet(bytesOf(text)).peers;
    expect(only).toMatchObject({ rxBytes: 0n, allowedIps: [] });
    expect(only).not.toHaveProperty('presharedKey');
  });

  it.each([
    ['is empty', ''],
    ['ends early', 'listen_port=1\n'],
    ['has no line end', 'errno=0'],
    ['has a line without =', 'listen_port\nerrno=0\n\n'],
    ['reports a failure', 'errno=1\n\n'],
    ['has a port that is too large', 'listen_port=65536\nerrno=0\n\n'],
    ['has a sign', 'listen_port=-1\nerrno=0\n\n'],
    ['has digits without end', `listen_port=${'1'.repeat(1000)}\nerrno=0\n\n`],
    ['has a short key', `private_key=${HEX.slice(1)}\nerrno=0\n\n`],
    ['has a long key', `public_key=${HEX}0\nerrno=0\n\n`],
    ['has a key that is not hexadecimal', `private_key=${'g'.repeat(64)}\nerrno=0\n\n`],
    ['has control characters', `public_key=${HEX}\nendpoint=\u001b[2J\nerrno=0\n\n`],
  ])('is refused when it %s', (_, text) => {
    expect(() => parseGet(bytesOf(text))).toThrow(UapiError);
  });

  it('that is refused shows nothing of its keys', () => {
    try {
      parseGet(bytesOf(`private_key=${HEX}x\nerrno=0\n\n`));
      expect.unreachable();
    } catch (error) {
      expect(String(error)).not.toContain('0123');
    }
  });

  it('may be any bytes: it is read or refused', () => {
    const lines = fc.array(
      fc.constantFrom(
        ...[
          'public_key=',
          HEX,
          'private_key=',
          'errno=0',
          '=',
          'rx_bytes=',
          '99999999999999999999',
        ],
        ...['\n', '\n\n', 'allowed_ip=', 'listen_port=', '-', '\u00e9'],
      ),
    );
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      lines.map((l) => bytesOf(l.join(''))),
    );
    fc.assert(
      fc.property(hostile, (bytes) => {
        try {
          zeroSecrets(parseGet(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(UapiError);
        }
      }),
      { numRuns: 300 },
    );
  });
});

it('an answer to set=1 has a negative errno', () => {
  expect(textOf(encodeErrno(-95))).toBe('errno=-95\n\n');
});
