import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSetArgs } from '../../cli/wg/setargs.js';
import type { Secret } from '../../crypto/secret.js';
import { base64, bytes, prefixes, secret } from './support.js';

const KEY = base64(1);
const noKeys = (): Secret => {
  throw new Error('no key is to be read');
};
const parse = (line: string) => parseSetArgs(line.split(' '), noKeys);

describe('the arguments of wg set', () => {
  it('are those of the interface, and then of each peer', () => {
    const read: string[] = [];
    const { change, endpoints } = parseSetArgs(
      [
        ...'listen-port 51820 fwmark 0xca6c private-key a.key'.split(' '),
        ...`peer ${KEY} preshared-key b.key endpoint [2001:db8::1]:5`.split(' '),
        ...'persistent-keepalive off allowed-ips'.split(' '),
        '10.0.0.1/8, ::/0',
        ...`peer ${base64(2)} remove`.split(' '),
      ],
      (file) => {
        read.push(file);
        return secret(read.length);
      },
    );
    expect(read).toEqual(['a.key', 'b.key']);
    expect(change).toMatchObject({ listenPort: 51820, fwMark: 0xca6c });
    expect(change.replacePeers).toBeUndefined();
    expect(change.privateKey?.expose()).toEqual(bytes(1));
    expect(change.peers[0]?.presharedKey?.expose()).toEqual(bytes(2));
    expect(change.peers).toMatchObject([
      {
        publicKey: bytes(1),
        persistentKeepalive: 0,
        replaceAllowedIps: true,
        allowedIps: prefixes('10.0.0.0/8', '::/0'),
      },
      { publicKey: bytes(2), remove: true },
    ]);
    expect(change.peers.map((peer) => endpoints.get(peer))).toEqual([
      { host: '2001:db8::1', port: 5 },
      undefined,
    ]);
  });

  it.each([
    ['10.0.0.0/8', true, ['10.0.0.0/8'], []],
    ['+10.0.0.0/8', false, ['10.0.0.0/8'], []],
    ['-10.0.0.0/8', false, [], ['10.0.0.0/8']],
    ['10.0.0.0/8,-::/0', false, ['10.0.0.0/8'], ['::/0']],
    ['+10.0.0.1/8,-10.0.0.2/8', false, [], ['10.0.0.0/8']],
    ['-10.0.0.1/8,+10.0.0.2/8', false, ['10.0.0.0/8'], []],
  ])('take allowed-ips %s', (text, replaces, added, removed) => {
    const [peer] = parse(`peer ${KEY} allowed-ips ${text}`).change.peers;
    expect(peer?.replaceAllowedIps).toBe(replaces);
    expect(peer?.allowedIps).toEqual(prefixes(...added));
    expect(peer?.removeAllowedIps).toEqual(prefixes(...removed));
  });

  it('may take all allowed IPs away', () => {
    const [peer] = parseSetArgs(['peer', KEY, 'allowed-ips', ''], noKeys).change.peers;
    expect(peer).toMatchObject({ replaceAllowedIps: true, allowedIps: [] });
  });

  it.each([
    ['peer x', /the key of a peer has 1 characters/],
    [`peer ${KEY} listen-port 1`, /listen-port belongs before the first peer/],
    ['endpoint 192.0.2.1:1', /endpoint belongs after peer KEY/],
    ['remove', /remove belongs after peer KEY/],
    ['listen-prt 1', /'listen-prt' is unknown/],
    ['listen-port 65536', /listen-port: .*65535/],
    ['listen-port', /listen-port has no value/],
    ['fwmark -1', /fwmark: /],
    [`peer ${KEY} endpoint 192.0.2.1`, /endpoint: .*no port/],
    [`peer ${KEY} persistent-keepalive 65536`, /persistent-keepalive: /],
    [`peer ${KEY} allowed-ips 10.0.0.0/33`, /allowed-ips: .*up to 32/],
    [`peer ${KEY} allowed-ips 10.0.0.0/8,`, /missing beside a comma/],
    [`peer ${KEY} allowed-ips +-10.0.0.0/8`, /allowed-ips: /],
  ])('are refused in %s', (line, message) => {
    expect(() => parse(line)).toThrow(message);
  });

  it('zero the keys that were read before the mistake', () => {
    const keys = [secret(1), secret(2)];
    const args = `private-key a peer ${KEY} preshared-key b endpoint nowhere`.split(' ');
    let next = 0;
    expect(() => parseSetArgs(args, () => keys[next++] ?? noKeys())).toThrow(/endpoint/);
    expect(keys.map((key) => key.isZeroed)).toEqual([true, true]);
  });

  it('never end in another error, nor show a key', () => {
    const words = ['peer', 'remove', 'fwmark', 'endpoint', 'allowed-ips', 'private-key', KEY, '+'];
    const word = fc.oneof(fc.constantFrom(...words), fc.string());
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), (args) => {
        try {
          parseSetArgs(args, () => secret(3));
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_USAGE', hint: expect.any(String) });
          expect(String(error)).not.toContain(KEY);
        }
      }),
    );
  });
});
