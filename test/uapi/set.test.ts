import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../crypto/secret.js';
import { type DeviceChange, parseChange, type UapiChange } from '../../src/uapi/change.js';
import { encodeSet, parseSet } from '../../src/uapi/set.js';

const KEY = 'ab'.repeat(32);

function parse(...lines: readonly string[]): DeviceChange {
  return parseSet(Buffer.from(`${['set=1', ...lines].join('\n')}\n\n`));
}

const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
const secret = key.map((bytes) => Secret.take(bytes));
const flag = fc.constant(true as const);
const allowedIp = fc.constantFrom('10.0.0.0/8', '192.0.2.1/32', '::/0', '2001:db8::/32');
const change: fc.Arbitrary<UapiChange> = fc.record(
  {
    privateKey: secret,
    listenPort: fc.nat(65_535),
    fwMark: fc.nat(0xffff_ffff),
    replacePeers: flag,
    peers: fc.array(
      fc.record(
        {
          publicKey: key,
          remove: flag,
          updateOnly: flag,
          presharedKey: secret,
          endpoint: fc.constantFrom('192.0.2.1:1', '[2001:db8::1]:65535', '[fe80::1%eth0]:7'),
          persistentKeepalive: fc.nat(65_535),
          replaceAllowedIps: flag,
          allowedIps: fc.array(allowedIp),
          removeAllowedIps: fc.array(allowedIp),
        },
        { requiredKeys: ['publicKey', 'allowedIps', 'removeAllowedIps'] },
      ),
    ),
  },
  { requiredKeys: ['peers'] },
);

/** With the secrets as text, which Secret hides. */
function shown({ privateKey, peers, ...rest }: DeviceChange): unknown {
  const hex = (value: Secret | undefined): string | undefined =>
    value && Buffer.from(value.expose()).toString('hex');
  return {
    ...rest,
    privateKey: hex(privateKey),
    peers: peers.map(({ publicKey, presharedKey, ...peer }) => ({
      ...peer,
      publicKey: Buffer.from(publicKey).toString('hex'),
      presharedKey: hex(presharedKey),
    })),
  };
}

describe('the request set=1', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(change, (wanted) => {
        const inBytes = parseChange(wanted);
        const read = parseSet(encodeSet(inBytes));
        expect(shown(read)).toEqual(shown(inBytes));
      }),
    );
  });

  it('belongs to the device up to the first peer', () => {
    expect(
      parse(
        'fwmark=0',
        'replace_peers=true',
        `public_key=${KEY}`,
        'protocol_version=1',
        'remove=true',
      ),
    ).toMatchObject({ fwMark: 0, replacePeers: true, peers: [{ remove: true }] });
  });

  it('takes away allowed IPs that begin with a minus', () => {
    const { peers } = parse(`public_key=${KEY}`, 'allowed_ip=+10.0.0.0/8', 'allowed_ip=-::/0');
    expect(peers).toEqual(
      parseChange({
        peers: [
          {
            publicKey: Uint8Array.from(Buffer.from(KEY, 'hex')),
            allowedIps: ['10.0.0.0/8'],
            removeAllowedIps: ['::/0'],
          },
        ],
      }).peers,
    );
  });

  it.each([
    ['private_key=12'],
    [`private_key=${'zz'.repeat(32)}`],
    ['listen_port=65536'],
    ['listen_port='],
    ['fwmark=-1'],
    ['replace_peers=yes'],
    ['replace_peers=false'],
    ['no equals sign'],
    ['persistent_keepalive_interval=1'],
    ['public_key=00'],
    [`public_key=${KEY}`, 'endpoint=vpn.example.com:51820'],
    [`public_key=${KEY}`, 'endpoint=192.0.2.1'],
    [`public_key=${KEY}`, 'endpoint=192.0.2.300:1'],
    [`public_key=${KEY}`, 'endpoint=192.0.2.1:0'],
    [`public_key=${KEY}`, 'allowed_ip=10.0.0.0/33'],
    [`public_key=${KEY}`, 'allowed_ip='],
    [`public_key=${KEY}`, 'protocol_version=2'],
    [`public_key=${KEY}`, 'persistent_keepalive_interval=65536'],
    [`public_key=${KEY}`, 'rx_bytes=1'],
  ])('is refused with %j', (...lines) => {
    expect(() => parse(...lines)).toThrow(expect.objectContaining({ code: 'ERR_UAPI' }));
  });

  it('never throws anything else, whatever comes', () => {
    const line = fc.oneof(
      fc.string(),
      fc
        .constantFrom('public_key', 'allowed_ip', 'endpoint', 'fwmark')
        .chain((name) => fc.string().map((value) => `${name}=${value}`)),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        try {
          parse(...lines);
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_UAPI' });
        }
      }),
    );
  });
});
