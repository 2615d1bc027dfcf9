import { describe, expect, it } from 'vitest';
import { Host } from '../support/host.js';
import {
  addresses,
  connect,
  HOUR,
  keepalivesSentBy,
  MINUTE,
  pair,
  SECOND,
  sentBy,
  texts,
} from '../support/pair.js';

describe('passive keepalive', () => {
  it('answers data 10 s later when there is nothing else to say, once', () => {
    const net = pair({ link: { latency: 0 } });
    const { network, a, b } = net;
    connect(net);
    network.run(MINUTE);
    const at = network.now;
    const before = network.seen.length;
    a.send(b, 'no answer');
    network.run(HOUR);
    const since = network.seen.slice(before);
    expect(since).toHaveLength(2);
    expect(keepalivesSentBy(b).at(-1)?.at).toBe(at + 10 * SECOND);
  });

  it('is followed by another when more data has come meanwhile', () => {
    const net = pair({ link: { latency: 0 } });
    const { network, a, b } = net;
    connect(net);
    network.run(MINUTE);
    const at = network.now;
    const before = keepalivesSentBy(b).length;
    a.send(b, 'one');
    network.run(6 * SECOND);
    a.send(b, 'two');
    network.run(HOUR);
    const times = keepalivesSentBy(b).slice(before);
    expect(times.map((seen) => seen.at - at)).toEqual([10 * SECOND, 20 * SECOND]);
  });

  it('is not needed when data goes back', () => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    network.run(MINUTE);
    const before = keepalivesSentBy(b).length;
    network.every(9 * SECOND, 10, () => {
      a.send(b, 'ping');
      network.after(SECOND, () => b.send(a, 'pong'));
    });
    network.run(95 * SECOND);
    expect(keepalivesSentBy(b)).toHaveLength(before);
  });

  it('is not answered, so idle ends are silent', () => {
    const net = pair();
    const { network } = net;
    connect(net);
    network.run(30 * SECOND);
    const before = network.seen.length;
    network.run(HOUR);
    expect(network.seen).toHaveLength(before);
  });
});

describe('persistent keepalive', () => {
  it('starts the first handshake at once and never lets its interval pass in silence', () => {
    const net = pair({ link: { latency: 20, jitter: 10 } });
    const { network, a, b } = net;
    const start = network.now;
    a.changePeer(b, { persistentKeepalive: 25 });
    network.run(HOUR);
    const times = [start, ...sentBy(a).map(({ at }) => at), network.now];
    const gaps = times.slice(1).map((at, i) => at - (times[i] as number));
    expect(times[1]).toBe(start);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(25 * SECOND);
    expect(keepalivesSentBy(a).length).toBeGreaterThan(140);
    expect(keepalivesSentBy(a).length).toBeLessThan(185);
    expect(keepalivesSentBy(b)).toEqual([]);
    expect([...texts(a), ...texts(b)]).toEqual([]);
  });

  it('comes exactly an interval after the last packet in either direction', () => {
    const net = pair({ link: { latency: 0 } });
    const { network, a, b } = net;
    connect(net);
    network.run(20 * SECOND);
    a.changePeer(b, { persistentKeepalive: 40 });
    network.run(30 * SECOND);
    const at = network.now;
    b.send(a, 'resets the interval');
    network.run(11 * SECOND); // a's passive keepalive
    network.run(40 * SECOND);
    const after = sentBy(a).filter((seen) => seen.at > at);
    expect(after.map((seen) => seen.at - at)).toEqual([10 * SECOND, 50 * SECOND]);
  });

  it('is sent at once when it is turned on, and not when the interval changes', () => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    const before = keepalivesSentBy(a).length;
    a.changePeer(b, { persistentKeepalive: 600 });
    expect(keepalivesSentBy(a)).toHaveLength(before + 1);
    a.changePeer(b, { persistentKeepalive: 500 });
    expect(keepalivesSentBy(a)).toHaveLength(before + 1);
    a.changePeer(b, { persistentKeepalive: 0 });
    a.changePeer(b, { persistentKeepalive: 500 });
    expect(keepalivesSentBy(a)).toHaveLength(before + 2);
    network.run(0);
  });

  it('ends when it is turned off', () => {
    const { network, a, b } = pair({ persistentKeepalive: 5 });
    network.run(MINUTE);
    for (const [host, other] of [
      [a, b],
      [b, a],
    ] as const)
      host.changePeer(other, { persistentKeepalive: 0 });
    network.run(20);
    const before = network.seen.length;
    network.run(HOUR);
    expect(network.seen).toHaveLength(before);
  });

  it('is not put off by setting the same interval again and again', () => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    a.changePeer(b, { persistentKeepalive: 25 });
    const before = keepalivesSentBy(a).length;
    network.every(10 * SECOND, 10, () => a.changePeer(b, { persistentKeepalive: 25 }));
    network.run(100 * SECOND);
    expect(keepalivesSentBy(a).length).toBeGreaterThanOrEqual(before + 3);
  });

  it('works for a peer that was configured before its endpoint was known', () => {
    const { network, a } = pair();
    const c = new Host(network, addresses(3));
    c.addPeer(a, { persistentKeepalive: 25 }, false);
    network.run(10 * MINUTE);
    expect(sentBy(c)).toEqual([]);
    expect(c.actions.filter(({ type }) => type === 'sendKeepalive')).toHaveLength(24);
    c.changePeer(a, { endpoint: a.endpoint });
    expect(sentBy(c, 1)).toHaveLength(1);
    a.addPeer(c, {}, false);
    network.run(10 * MINUTE);
    expect(keepalivesSentBy(c).length).toBeGreaterThan(20);
  });

  it('works for a peer whose endpoint is learned when it connects', () => {
    const { network, a } = pair();
    const c = new Host(network, addresses(3));
    a.addPeer(c, { persistentKeepalive: 25 }, false);
    network.run(MINUTE);
    c.addPeer(a);
    c.send(a, 'here I am');
    network.run(100 * SECOND);
    const toC = keepalivesSentBy(a).filter(({ to }) => to.port === c.endpoint.port);
    expect(toC.length).toBeGreaterThanOrEqual(3);
  });

  it('goes on after the handshake was given up', () => {
    const { network, a, b } = pair();
    network.intercept = () => 'drop';
    a.changePeer(b, { persistentKeepalive: 300 });
    network.run(HOUR);
    expect(sentBy(a, 1).length).toBeGreaterThanOrEqual(20 * 8);
    network.intercept = () => 'pass';
    network.run(420 * SECOND);
    expect(sentBy(b, 2)).not.toEqual([]);
    expect(keepalivesSentBy(a)).not.toEqual([]);
  });
});
