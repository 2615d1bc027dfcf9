import { describe, expect, it } from 'vitest';
import {
  connect,
  HOUR,
  keepalivesSentBy,
  MINUTE,
  pair,
  SECOND,
  sentBy,
  texts,
} from '../support/pair.js';

const elsewhere = { address: '198.51.100.66', port: 666 };

describe('replayed handshake messages', () => {
  it('an initiation gets no answer, at once or later, also from elsewhere', () => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    const [initiation] = sentBy(a, 1);
    const before = sentBy(b).length;
    for (const from of [a.endpoint, elsewhere]) {
      for (const wait of [0, MINUTE, HOUR]) {
        network.run(wait);
        network.inject(from, b.endpoint, initiation?.bytes ?? new Uint8Array(0));
        network.run(SECOND);
      }
    }
    expect(sentBy(b).slice(before)).toEqual(keepalivesSentBy(b).slice(0, 1));
    expect(b.device.peers()[0]?.endpoint).toEqual(a.endpoint);
  });

  it('an initiation that is older than the last one gets no answer', () => {
    const { network, a, b } = pair();
    network.intercept = () => 'hold';
    a.send(b, 'waits');
    network.run(6 * SECOND);
    network.intercept = () => 'pass';
    const [older, newer] = network.held.splice(0).map(({ bytes }) => bytes);
    if (!older || !newer) throw new Error('no second try was made');
    network.inject(a.endpoint, b.endpoint, newer);
    network.run(SECOND);
    expect(texts(b)).toEqual(['waits']);
    expect(sentBy(b, 2)).toHaveLength(1);
    network.inject(a.endpoint, b.endpoint, older);
    network.run(SECOND);
    expect(sentBy(b, 2)).toHaveLength(1);
  });

  it('a response is accepted once', () => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    const [response] = sentBy(b, 2);
    const before = network.seen.length;
    for (let i = 0; i < 3; i++) {
      network.inject(elsewhere, a.endpoint, response?.bytes ?? new Uint8Array(0));
      network.run(10);
    }
    expect(network.seen).toHaveLength(before);
    expect(a.device.peers()[0]?.endpoint).toEqual(b.endpoint);
    a.send(b, 'same session');
    network.run(SECOND);
    expect(texts(b).at(-1)).toBe('same session');
  });

  it('a response to an initiation that was given up is refused', () => {
    const { network, a, b } = pair();
    network.intercept = ({ bytes }) => (bytes[0] === 2 ? 'hold' : 'pass');
    a.send(b, 'waits');
    network.run(8 * SECOND);
    const [late] = network.held.splice(0);
    network.intercept = () => 'drop';
    network.inject(b.endpoint, a.endpoint, late?.bytes ?? new Uint8Array(0));
    network.run(SECOND);
    expect(sentBy(a, 4)).toEqual([]);
    network.intercept = () => 'pass';
    network.run(MINUTE);
    expect(texts(b)).toEqual(['waits']);
  });

  it('initiations of one peer sooner than 20 ms after each other get no answer', () => {
    const { network, a, b } = pair();
    network.intercept = () => 'hold';
    a.send(b, 'waits');
    network.run(20 * SECOND);
    const initiations = network.held.splice(0).map(({ bytes }) => bytes);
    expect(initiations.length).toBeGreaterThanOrEqual(4);
    network.intercept = () => 'drop';
    const [first, second, third, fourth] = initiations as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    network.inject(a.endpoint, b.endpoint, first);
    network.run(19);
    network.inject(a.endpoint, b.endpoint, second);
    network.run(0);
    expect(sentBy(b, 2)).toHaveLength(1);
    network.run(1);
    network.inject(a.endpoint, b.endpoint, third);
    network.run(0);
    expect(sentBy(b, 2)).toHaveLength(2);
    network.run(1000);
    network.inject(a.endpoint, b.endpoint, fourth);
    network.run(0);
    expect(sentBy(b, 2)).toHaveLength(3);
  });
});

describe('replayed transport messages', () => {
  it('deliver nothing, keep nothing alive and move no endpoint', () => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    network.run(30 * SECOND);
    const recorded = sentBy(a, 4).map(({ bytes }) => bytes);
    const [before, delivered] = [network.seen.length, b.received.length];
    for (const bytes of recorded) network.inject(elsewhere, b.endpoint, bytes);
    network.run(30 * SECOND);
    expect(b.received).toHaveLength(delivered);
    expect(network.seen).toHaveLength(before);
    expect(b.device.peers()[0]?.endpoint).toEqual(a.endpoint);
  });

  it('are accepted late, once, while their session lives, and not after', () => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    network.intercept = ({ bytes }) => (bytes[0] === 4 && bytes.length > 32 ? 'hold' : 'pass');
    a.send(b, 'late');
    a.send(b, 'too late');
    network.intercept = () => 'pass';
    const [late, tooLate] = network.held.splice(0).map(({ bytes }) => bytes);
    if (!late || !tooLate) throw new Error('nothing was held back');
    network.run(175 * SECOND);
    network.inject(a.endpoint, b.endpoint, late);
    network.inject(a.endpoint, b.endpoint, late);
    network.run(10 * SECOND);
    network.inject(a.endpoint, b.endpoint, tooLate);
    network.run(SECOND);
    expect(texts(b)).toEqual(['connect', 'late']);
  });
});

describe('a wall clock that is set back', () => {
  it('does not keep the initiator from renewing its session', () => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    a.wallError = -3600n * 1_000_000_000n;
    for (let i = 0; i < 10; i++) {
      network.run(300 * SECOND);
      a.send(b, `${i}`);
      network.run(SECOND);
    }
    expect(texts(b)).toEqual(['connect', ...Array.from({ length: 10 }, (_, i) => `${i}`)]);
  });

  it('does not matter to the responder', () => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    b.wallError = -3600n * 1_000_000_000n;
    network.run(300 * SECOND);
    a.send(b, 'again');
    network.run(SECOND);
    expect(texts(b).at(-1)).toBe('again');
  });
});
