import { describe, expect, it } from 'vitest';
import { defaultProviders } from '../../crypto/providers.js';
import { Secret } from '../../crypto/secret.js';
import { connect, type Pair, pair, SECOND, sentBy, texts } from '../support/pair.js';

const bytes = new Uint8Array(32).fill(9);
const NO_KEY = Secret.take(new Uint8Array(32));

function setKey({ a }: Pair, key: Secret): void {
  a.device.setPrivateKey(key);
  a.settle();
}

describe('another private key', () => {
  it('ends the sessions, and is used from the next handshake on', () => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    const key = Secret.copyOf(bytes);
    setKey(net, key);
    key.zero();
    expect(a.device.publicKey).toEqual(defaultProviders().x25519.publicKey(bytes));
    const before = sentBy(b).length;
    a.send(b, 'waits');
    network.run(10 * SECOND);
    // To the peer we are a stranger.
    expect(sentBy(b)).toHaveLength(before);
    expect(texts(b)).toEqual(['connect']);
    b.addPeer(a);
    network.run(10 * SECOND);
    expect(texts(b)).toEqual(['connect', 'waits']);
  });

  it('is the one that answers when the peer begins', () => {
    const net = pair();
    const { network, a, b } = net;
    setKey(net, Secret.copyOf(bytes));
    b.addPeer(a);
    b.send(a, 'hello');
    network.run(SECOND);
    expect(texts(a)).toEqual(['hello']);
  });

  it('that is the same as before changes nothing', () => {
    const net = pair();
    connect(net);
    const before = net.a.actions.length;
    setKey(net, Secret.copyOf(net.a.device.privateKey.expose()));
    expect(net.a.actions).toHaveLength(before);
    net.a.send(net.b, 'still');
    net.network.run(SECOND);
    expect(texts(net.b)).toEqual(['connect', 'still']);
  });

  it('zeroes the one from before', () => {
    const net = pair();
    const before = net.a.device.privateKey;
    setKey(net, Secret.copyOf(bytes));
    expect(before.isZeroed).toBe(true);
  });

  it('removes a peer with the same key', () => {
    const net = pair();
    net.a.configure({ publicKey: defaultProviders().x25519.publicKey(bytes) });
    expect(net.a.device.peers()).toHaveLength(2);
    setKey(net, Secret.copyOf(bytes));
    expect(net.a.device.peers()).toHaveLength(1);
  });
});

describe('no private key', () => {
  it('means no public one, and silence', () => {
    const net = pair({ persistentKeepalive: 5 });
    const { network, a, b } = net;
    connect(net);
    setKey(net, NO_KEY);
    expect(a.device.publicKey).toEqual(new Uint8Array(32));
    const before = sentBy(a).length;
    a.send(b, 'nowhere');
    b.send(a, 'nobody');
    network.run(60 * SECOND);
    expect(sentBy(a)).toHaveLength(before);
    setKey(net, Secret.copyOf(bytes));
    b.addPeer(a);
    a.send(b, 'back');
    network.run(10 * SECOND);
    expect(texts(b).at(-1)).toBe('back');
  });
});
