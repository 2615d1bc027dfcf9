import { describe, expect, it } from 'vitest';
import {
  connect,
  HOUR,
  keepalivesSentBy,
  type Pair,
  pair,
  SECOND,
  sentBy,
  texts,
} from '../support/pair.js';

function reconnect({ network, a, b }: Pair, onlyWith?: 'b'): void {
  a.device.reconnect(network.now, onlyWith && b.device.publicKey);
  a.settle();
}

describe('reconnect', () => {
  it('shows the peer at once where we are now, and begins a handshake', () => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    network.run(10 * SECOND);
    a.endpoint = { address: '198.51.100.1', port: 7 };
    reconnect(net);
    expect(keepalivesSentBy(a)).toHaveLength(1);
    expect(sentBy(a, 1)).toHaveLength(1);
    network.run(SECOND);
    expect(b.device.peers()[0]?.endpoint).toEqual(a.endpoint);
    b.send(a, 'to the new place');
    network.run(SECOND);
    expect(texts(a).at(-1)).toBe('to the new place');
  });

  it('waits REKEY_TIMEOUT between two handshakes, and then makes up for it', () => {
    const net = pair();
    const { network, a } = net;
    connect(net);
    network.run(10 * SECOND);
    for (let i = 0; i < 4; i++) {
      reconnect(net, 'b');
      network.run(SECOND);
    }
    expect(sentBy(a, 1)).toHaveLength(2);
    network.run(3 * SECOND);
    expect(sentBy(a, 1)).toHaveLength(3);
  });

  it('has the data plane choose anew which address it sends from', () => {
    const net = pair();
    connect(net);
    net.a.actions.length = 0;
    reconnect(net, 'b');
    expect(net.a.actions[0]).toEqual({
      type: 'setPeer',
      peer: net.a.peerId(net.b),
      endpoint: net.b.endpoint,
    });
  });

  it.each([
    ['was never in touch', 0],
    ['was not for long', HOUR],
  ])('leaves a peer alone that %s', (_, silence) => {
    const net = pair();
    if (silence > 0) connect(net);
    net.network.run(silence);
    net.a.actions.length = 0;
    reconnect(net);
    expect(net.a.actions).toEqual([]);
  });

  it('connects a peer that is kept alive, although no session is left', () => {
    const net = pair({ persistentKeepalive: 25 });
    const { network, a } = net;
    network.intercept = () => 'drop';
    network.run(HOUR);
    const before = sentBy(a, 1).length;
    network.run(10 * SECOND);
    reconnect(net);
    network.run(6 * SECOND);
    expect(sentBy(a, 1).length).toBeGreaterThan(before);
  });

  it('does nothing for a peer that is not there', () => {
    const net = pair();
    net.a.device.reconnect(net.network.now, new Uint8Array(32));
    expect(net.a.device.pollAction()).toBeUndefined();
  });
});
