import { describe, expect, it } from 'vitest';
import { Secret } from '../../crypto/secret.js';
import { Host, prefix } from '../support/host.js';
import { ipPacket } from '../support/packets.js';
import { addresses, connect, MINUTE, pair, SECOND, sentBy, texts } from '../support/pair.js';

describe('changing a peer', () => {
  it('a preshared key takes effect at the next handshake', () => {
    const net = pair({ presharedKey: new Uint8Array(32).fill(1) });
    const { network, a, b } = net;
    connect(net);
    const changed = new Uint8Array(32).fill(2);
    a.changePeer(b, { presharedKey: Secret.copyOf(changed) });
    a.send(b, 'still good');
    network.run(200 * SECOND);
    a.send(b, 'waits');
    network.run(20 * SECOND);
    expect(texts(b)).toEqual(['connect', 'still good']);
    b.changePeer(a, { presharedKey: Secret.copyOf(changed) });
    network.run(20 * SECOND);
    expect(texts(b)).toEqual(['connect', 'still good', 'waits']);
  });

  it('a preshared key is not shown, only that there is one', () => {
    const { a, b } = pair();
    expect(a.device.peers()[0]?.hasPresharedKey).toBe(false);
    a.changePeer(b, { presharedKey: Secret.take(new Uint8Array(32).fill(1)) });
    expect(a.device.peers()[0]?.hasPresharedKey).toBe(true);
    a.changePeer(b, { presharedKey: Secret.take(new Uint8Array(32)) });
    expect(a.device.peers()[0]?.hasPresharedKey).toBe(false);
  });

  it('a removed peer is silent at once, whatever the other side does', () => {
    const net = pair({ persistentKeepalive: 25 });
    const { network, a, b } = net;
    connect(net);
    b.send(a, 'under way');
    const received = a.received.length;
    a.changePeer(b, { remove: true });
    const before = sentBy(a).length;
    b.send(a, 'also');
    network.run(10 * MINUTE);
    a.handlePacket(ipPacket(a.v4, b.v4, 'no route'));
    network.run(10 * MINUTE);
    expect(sentBy(a)).toHaveLength(before);
    expect(a.received).toHaveLength(received + 1); // The answer to "no route".
    expect(a.device.peers()).toEqual([]);
    expect(a.transport.transfer(1)).toEqual({ rxBytes: 0n, txBytes: 0n });
  });

  it('a peer that was removed and comes back is a new one, and connects', () => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    const id = a.peerId(b);
    a.changePeer(b, { remove: true });
    expect(a.addPeer(b)).not.toBe(id);
    a.send(b, 'again');
    network.run(SECOND);
    expect(texts(b).at(-1)).toBe('again');
  });

  it('an update of an unknown peer does nothing if it may only update', () => {
    const { network, a } = pair();
    const c = new Host(network, addresses(3));
    a.changePeer(c, { updateOnly: true, endpoint: c.endpoint, persistentKeepalive: 1 });
    a.changePeer(c, { remove: true });
    network.run(SECOND);
    expect(a.device.peers()).toHaveLength(1);
    expect(network.seen).toEqual([]);
  });

  it('an allowed prefix that goes to another peer moves both directions', () => {
    const net = pair();
    const { network, a, b } = net;
    const c = new Host(network, addresses(3));
    a.addPeer(c, { allowedIps: [prefix('10.0.0.3/32')] });
    c.addPeer(a);
    connect(net);
    const moved = prefix('10.0.0.2/32');
    a.changePeer(c, { allowedIps: [moved] });
    a.handlePacket(ipPacket(a.v4, '10.0.0.2', 'for the new owner'));
    b.send(a, 'no more');
    network.run(SECOND);
    expect(texts(c)).toEqual(['for the new owner']);
    expect(texts(a)).toEqual(['connected']);
    c.handlePacket(ipPacket('10.0.0.2', a.v4, 'mine now'));
    network.run(SECOND);
    expect(texts(a)).toEqual(['connected', 'mine now']);
    const allowed = a.device.peers().map(({ allowedIps }) => allowedIps.length);
    expect(allowed).toEqual([1, 2]);
  });

  it.each([
    ['replaced', { replaceAllowedIps: true, allowedIps: [prefix('10.7.0.0/16')] }],
    ['removed', { removeAllowedIps: [prefix('10.0.0.2/32')] }],
  ])('an allowed prefix that is %s no longer counts', (_, change) => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    a.changePeer(b, change);
    b.send(a, 'not allowed');
    const before = sentBy(a).length;
    a.send(b, 'not allowed');
    network.run(SECOND);
    expect(texts(a).filter((text) => text === 'not allowed')).toEqual([]);
    expect(sentBy(a)).toHaveLength(before);
  });

  it('a public key of another length is refused', () => {
    const { a } = pair();
    expect(() => a.configure({ publicKey: new Uint8Array(31) })).toThrow(RangeError);
  });
});

describe('counting traffic', () => {
  it('counts the bytes of all datagrams that were sent, and of those found authentic', () => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    network.run(300 * SECOND);
    connect(net);
    const sum = (host: Host): bigint =>
      BigInt(sentBy(host).reduce((total, { bytes }) => total + bytes.length, 0));
    const before = a.transport.transfer(a.peerId(b));
    expect(before).toEqual({ rxBytes: sum(b), txBytes: sum(a) });
    expect(b.transport.transfer(b.peerId(a))).toEqual({ rxBytes: sum(a), txBytes: sum(b) });
    for (const { bytes } of sentBy(b)) network.inject(b.endpoint, a.endpoint, bytes);
    network.run(SECOND);
    expect(a.transport.transfer(a.peerId(b))).toEqual(before);
  });
});
