import { describe, expect, it } from 'vitest';
import {
  REJECT_AFTER_TIME,
  REKEY_AFTER_TIME,
  REKEY_TIMEOUT,
  REKEY_TIMEOUT_JITTER,
} from '../../protocol/constants.js';
import { readReceiver } from '../../protocol/messages.js';
import type { SeenDatagram } from '../support/network.js';
import {
  commonSession,
  connect,
  counters,
  dataSentBy,
  HOUR,
  keepalivesSentBy,
  MINUTE,
  pair,
  SECOND,
  sentBy,
  texts,
} from '../support/pair.js';

const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => `${i}`);

describe('hours of traffic', () => {
  it('lose nothing in either direction when sessions are renewed', () => {
    const net = pair({ link: { latency: 50, jitter: 30 } });
    const { network, a, b } = net;
    const count = (6 * HOUR) / SECOND;
    network.every(SECOND, count, (i) => {
      a.send(b, `${i}`);
      network.after(500, () => b.send(a, `${i}`));
    });
    network.run(6 * HOUR + MINUTE);
    expect(texts(b)).toEqual(numbered(count));
    expect(texts(a)).toEqual(numbered(count));
    // Each session lives REKEY_AFTER_TIME, the handshake, and up to a second until the next packet.
    const sessions = sentBy(b, 2).length;
    expect(sentBy(a, 1)).toHaveLength(sessions);
    expect(sentBy(b, 1)).toEqual([]);
    expect(sessions).toBeGreaterThanOrEqual((6 * HOUR) / (REKEY_AFTER_TIME + 2 * SECOND));
    expect(sessions).toBeLessThanOrEqual((6 * HOUR) / REKEY_AFTER_TIME + 1);
    expect(commonSession(net)).toBeDefined();
  });

  it.each([
    ['initiator', 500],
    ['initiator', 7 * SECOND],
    ['initiator', 100 * SECOND],
    ['responder', 500],
    ['responder', 7 * SECOND],
    ['responder', 100 * SECOND],
  ] as const)(
    'lose nothing when only the %s of the first session sends, every %i ms',
    (who, interval) => {
      const net = pair({ link: { latency: 50, jitter: 30 } });
      const { network, a, b } = net;
      connect(net);
      const [sender, receiver] = who === 'initiator' ? [a, b] : [b, a];
      const before = receiver.received.length;
      const count = Math.floor((2 * HOUR) / interval);
      network.every(interval, count, (i) => sender.send(receiver, `${i}`));
      network.run(2 * HOUR + MINUTE);
      expect(texts(receiver).slice(before)).toEqual(numbered(count));
      const data = dataSentBy(sender).slice(before);
      const answers = sentBy(receiver).map(({ at }) => at);
      for (const { at } of data)
        expect(answers.some((answer) => answer >= at && answer - at <= 10.2 * SECOND)).toBe(true);
      expect(dataSentBy(receiver).length).toBe(1);
    },
  );

  it('deliver nothing twice when the network repeats and reorders', () => {
    const link = { latency: 20, jitter: 2500, reorders: true, duplication: 0.3 };
    const { network, a, b } = pair({ link });
    network.every(SECOND / 2, 3600, (i) => {
      a.send(b, `${i}`);
      b.send(a, `${i}`);
    });
    network.run(HOUR);
    expect(network.seen.filter(({ arrivals }) => arrivals > 1).length).toBeGreaterThan(1000);
    for (const host of [a, b]) {
      const got = texts(host);
      expect(new Set(got).size).toBe(got.length);
      expect([...got].sort()).toEqual(numbered(3600).sort());
    }
  });

  it('deliver exactly what the network lets through when it loses a tenth', () => {
    const { network, a, b } = pair({ link: { latency: 40, jitter: 20, loss: 0.1 } });
    network.every(SECOND, 2 * 3600, (i) => {
      a.send(b, `${i}`);
      b.send(a, `${i}`);
    });
    network.run(2 * HOUR + MINUTE);
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      expect(dataSentBy(from)).toHaveLength(7200);
      const arrived = dataSentBy(from).filter(({ arrivals }) => arrivals > 0).length;
      expect(arrived).toBeLessThan(6700);
      expect(texts(to)).toHaveLength(arrived);
      const order = texts(to).map(Number);
      expect(order).toEqual([...order].sort((x, y) => x - y));
    }
  });

  it('end at REJECT_AFTER_TIME while the control plane stalls, and go on without loss when it runs', () => {
    const net = pair({ link: { latency: 0 } });
    const { network, a, b } = net;
    connect(net);
    const since = network.now - 2 * SECOND;
    a.isStalled = true;
    b.isStalled = true;
    network.every(SECOND, 250, (i) => {
      a.send(b, `${i}`);
      b.send(a, `${i}`);
    });
    network.run(250 * SECOND);
    expect([a.received.length, b.received.length]).toEqual([1 + 178, 1 + 178]);
    const last = Math.max(...network.seen.map(({ at }) => at));
    expect(last - since).toBe(REJECT_AFTER_TIME - SECOND);
    a.isStalled = false;
    b.isStalled = false;
    a.settle();
    network.run(SECOND);
    expect(texts(b).slice(1)).toEqual(numbered(250));
    expect(texts(a).slice(1)).toEqual(numbered(250));
  });

  it('go on after the machine slept', () => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    network.sleep(8 * HOUR);
    b.send(a, 'good');
    a.send(b, 'morning');
    network.run(SECOND);
    expect(texts(a).at(-1)).toBe('good');
    expect(texts(b).at(-1)).toBe('morning');
  });
});

describe('renewal', () => {
  it('is asked for by the initiator with the first packet after REKEY_AFTER_TIME', () => {
    const net = pair({ link: { latency: 0 } });
    const { network, a, b } = net;
    const start = network.now;
    a.send(b, 'first');
    network.run(REKEY_AFTER_TIME - 1);
    a.send(b, 'too soon');
    expect(sentBy(a, 1)).toHaveLength(1);
    network.run(1);
    a.send(b, 'due');
    expect(sentBy(a, 1).map(({ at }) => at - start)).toEqual([0, REKEY_AFTER_TIME]);
  });

  it('is asked for by the initiator when it only receives, at 165 s', () => {
    const net = pair({ link: { latency: 0 } });
    const { network, a, b } = net;
    connect(net);
    const [first] = sentBy(a, 1);
    network.run(162 * SECOND);
    b.send(a, 'before');
    network.run(SECOND / 2);
    expect(sentBy(a, 1)).toHaveLength(1);
    network.run(SECOND / 2);
    b.send(a, 'after');
    network.run(1);
    expect(sentBy(a, 1).map(({ at }) => at - (first?.at ?? 0))).toEqual([0, 165 * SECOND]);
    b.send(a, 'once');
    network.run(SECOND);
    expect(sentBy(a, 1)).toHaveLength(2);
    expect(texts(a).slice(-3)).toEqual(['before', 'after', 'once']);
  });

  it('follows within 15 s and jitter when data is not answered', () => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    network.run(20 * SECOND);
    network.intercept = ({ bytes }) => (bytes[0] === 4 ? 'drop' : 'pass');
    const at = network.now;
    a.send(b, 'lost');
    network.run(MINUTE);
    const handshake = (sentBy(a, 1).at(-1)?.at ?? 0) - at;
    expect(handshake).toBeGreaterThanOrEqual(15 * SECOND);
    expect(handshake).toBeLessThanOrEqual(15 * SECOND + REKEY_TIMEOUT_JITTER);
  });

  it('does not follow when the answer is only a keepalive', () => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    a.send(b, 'unanswered');
    network.run(100 * SECOND);
    expect(sentBy(a, 1)).toHaveLength(1);
    expect(keepalivesSentBy(b)).toHaveLength(1);
  });

  it('uses a counter of its own for each session, from zero on, without a gap', () => {
    const { network, a, b } = pair();
    network.every(SECOND, 300, (i) => a.send(b, `${i}`));
    network.run(301 * SECOND);
    const bySession = new Map<number, SeenDatagram[]>();
    for (const seen of sentBy(a, 4)) {
      const index = readReceiver(seen.bytes);
      bySession.set(index, [...(bySession.get(index) ?? []), seen]);
    }
    expect(bySession.size).toBe(3);
    for (const session of bySession.values())
      expect(counters(session)).toEqual(session.map((_, i) => BigInt(i)));
  });

  it('waits REKEY_TIMEOUT between two tries, however much there is to send', () => {
    const { network, a, b } = pair();
    network.intercept = () => 'drop';
    network.every(10, 6000, (i) => a.send(b, `${i}`));
    network.run(MINUTE);
    const tries = sentBy(a, 1).map(({ at }) => at);
    expect(tries.length).toBeGreaterThan(10);
    for (const [i, at] of tries.slice(1).entries())
      expect(at - (tries[i] as number)).toBeGreaterThanOrEqual(REKEY_TIMEOUT);
  });
});
