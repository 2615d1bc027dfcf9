import { describe, expect, it } from 'vitest';
import { parseChange } from '../../src/uapi/change.js';
import { isEmptyChange, syncChange } from '../../src/uapi/sync.js';
import { bytes, prefixes, secret, uapiDevice, uapiPeer } from './support.js';

const running = parseChange(
  uapiDevice({
    privateKey: secret(7),
    listenPort: 1,
    fwMark: 2,
    peers: [
      uapiPeer(1, {
        presharedKey: secret(9),
        endpoint: '[2001:DB8::1]:5',
        persistentKeepalive: 25,
        allowedIps: ['10.0.0.0/8', '::/0'],
      }),
      uapiPeer(2, { allowedIps: ['10.1.0.0/16'] }),
    ],
  }),
);
const own = { privateKey: secret(7), listenPort: 1, fwMark: 2 };
const first = {
  publicKey: bytes(1),
  presharedKey: secret(9),
  endpoint: { address: '2001:db8::1', port: 5 },
  persistentKeepalive: 25,
  replaceAllowedIps: true,
  allowedIps: prefixes('::/0', '10.0.0.0/8'),
};
const second = {
  publicKey: bytes(2),
  replaceAllowedIps: true,
  allowedIps: prefixes('10.1.0.0/16'),
};

describe('syncconf', () => {
  it('has nothing to do for what is already so', () => {
    const change = syncChange({ ...own, peers: [second, first] }, running);
    expect(change).toEqual({ peers: [] });
    expect(isEmptyChange(change)).toBe(true);
  });

  it('takes away what the file does not name, and touches no other peer', () => {
    const change = syncChange({ ...own, peers: [first] }, running);
    expect(change).toEqual({ peers: [{ publicKey: bytes(2), remove: true }] });
    expect(isEmptyChange(change)).toBe(false);
  });

  it('gives zeros for keys and settings that are gone', () => {
    const bare = { publicKey: bytes(1), allowedIps: first.allowedIps };
    const change = syncChange({ peers: [bare, second] }, running);
    expect(change.privateKey?.expose()).toEqual(bytes(0));
    expect(change).toMatchObject({ listenPort: 0, fwMark: 0 });
    const [peer] = change.peers;
    expect(peer).toEqual({
      publicKey: bytes(1),
      presharedKey: expect.anything(),
      persistentKeepalive: 0,
    });
    expect(peer?.presharedKey?.expose()).toEqual(bytes(0));
  });

  it.each([
    [{ endpoint: { address: '192.0.2.1', port: 1 } }],
    [{ persistentKeepalive: 26 }],
    [{ replaceAllowedIps: true, allowedIps: prefixes('::/0') }],
  ])('sends only what differs: %j', (difference) => {
    const peers = [{ ...first, ...difference }, second];
    const change = syncChange({ ...own, peers }, running);
    expect(change).toEqual({ peers: [{ publicKey: bytes(1), ...difference }] });
  });

  it('adds whole peers', () => {
    const third = {
      publicKey: bytes(3),
      replaceAllowedIps: true,
      allowedIps: prefixes('10.3.0.0/16'),
    };
    const change = syncChange({ ...own, peers: [first, second, third] }, running);
    expect(change).toEqual({ peers: [third] });
  });

  it('lets later sections win, as setconf does', () => {
    const again = {
      publicKey: bytes(2),
      persistentKeepalive: 5,
      allowedIps: prefixes('10.0.0.0/8'),
    };
    const { peers } = syncChange({ ...own, peers: [first, second, again] }, running);
    expect(peers).toEqual([
      { publicKey: bytes(1), replaceAllowedIps: true, allowedIps: prefixes('::/0') },
      {
        publicKey: bytes(2),
        persistentKeepalive: 5,
        replaceAllowedIps: true,
        allowedIps: prefixes('10.0.0.0/8'),
      },
    ]);
  });
});
