import { describe, expect, it } from 'vitest';
import {
  MAX_STAGED_PACKETS,
  REKEY_ATTEMPT_TIME,
  REKEY_TIMEOUT,
  REKEY_TIMEOUT_JITTER,
} from '../../protocol/constants.js';
import {
  commonSession,
  connect,
  HOUR,
  keepalivesSentBy,
  MINUTE,
  pair,
  SECOND,
  sentBy,
  texts,
} from '../support/pair.js';

/** Drops the first datagram for which `matches`. */
function dropOnce(
  matches: (bytes: Uint8Array) => boolean,
): (d: { bytes: Uint8Array }) => 'drop' | 'pass' {
  let isDone = false;
  return ({ bytes }) => {
    if (isDone || !matches(bytes)) return 'pass';
    isDone = true;
    return 'drop';
  };
}

describe('one lost handshake message', () => {
  it.each([
    ['initiation', 1],
    ['response', 2],
  ] as const)('an %s is made up for after REKEY_TIMEOUT and jitter', (_, type) => {
    const { network, a, b } = pair();
    network.intercept = dropOnce((bytes) => bytes[0] === type);
    const at = network.now;
    a.send(b, 'waits');
    network.run(MINUTE);
    expect(texts(b)).toEqual(['waits']);
    const delay = (b.received[0]?.at ?? 0) - at - 30;
    expect(delay).toBeGreaterThanOrEqual(REKEY_TIMEOUT);
    expect(delay).toBeLessThanOrEqual(REKEY_TIMEOUT + REKEY_TIMEOUT_JITTER);
    expect(sentBy(a, 1)).toHaveLength(2);
    expect(sentBy(a, 1)[0]?.bytes.subarray(8, 40)).not.toEqual(
      sentBy(a, 1)[1]?.bytes.subarray(8, 40),
    );
  });

  it('a confirming keepalive is made up for by a responder with a packet waiting', () => {
    const net = pair();
    const { network, a, b } = net;
    network.intercept = dropOnce((bytes) => bytes[0] === 4);
    a.changePeer(b, { persistentKeepalive: 3600 });
    network.run(15);
    expect(sentBy(b, 2)).toHaveLength(1);
    const at = network.now;
    b.send(a, 'waits');
    network.run(MINUTE);
    expect(keepalivesSentBy(a).length).toBeGreaterThanOrEqual(1);
    expect(texts(a)).toEqual(['waits']);
    expect((a.received[0]?.at ?? 0) - at).toBeLessThanOrEqual(
      REKEY_TIMEOUT + REKEY_TIMEOUT_JITTER + 100,
    );
    a.send(b, 'afterwards');
    b.send(a, 'afterwards');
    network.run(SECOND);
    expect(commonSession(net)).toBeDefined();
  });

  it('a confirming packet is made up for by the next one', () => {
    const { network, a, b } = pair();
    network.intercept = dropOnce((bytes) => bytes[0] === 4);
    a.send(b, 'lost');
    network.run(SECOND);
    b.send(a, 'waits');
    network.run(SECOND);
    expect(texts(a)).toEqual([]);
    a.send(b, 'confirms');
    network.run(SECOND);
    expect(texts(a)).toEqual(['waits']);
    expect(texts(b)).toEqual(['confirms']);
  });

  it('leaves the old session working meanwhile', () => {
    const net = pair();
    const { network, a, b } = net;
    connect(net);
    network.run(125 * SECOND);
    network.intercept = dropOnce((bytes) => bytes[0] === 2);
    network.every(SECOND, 20, (i) => a.send(b, `${i}`));
    network.run(30 * SECOND);
    expect(texts(b)).toHaveLength(21);
    expect(b.received.at(-1)?.at).toBe(network.now - 11 * SECOND + 10);
    expect(sentBy(b, 2)).toHaveLength(3);
  });
});

describe('a peer that does not answer', () => {
  it('is tried every REKEY_TIMEOUT and jitter, and given up after REKEY_ATTEMPT_TIME', () => {
    const { network, a, b } = pair();
    network.intercept = () => 'drop';
    const start = network.now;
    a.send(b, 'in vain');
    network.run(HOUR);
    const tries = sentBy(a, 1).map(({ at }) => at - start);
    const gaps = tries.slice(1).map((at, i) => at - (tries[i] as number));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(REKEY_TIMEOUT);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(REKEY_TIMEOUT + REKEY_TIMEOUT_JITTER);
    expect(new Set(gaps).size).toBeGreaterThan(10);
    // The 18 tries that REKEY_ATTEMPT_TIME holds, the first one, and the one that finds it has passed.
    expect(tries).toHaveLength(20);
    expect(tries.at(-1)).toBeGreaterThanOrEqual(REKEY_ATTEMPT_TIME);
    expect(sentBy(a)).toHaveLength(20);
  });

  it('spreads its tries over the whole jitter', () => {
    const gaps: number[] = [];
    for (let seed = 0; seed < 20; seed++) {
      const { network, a, b } = pair({ seed });
      network.intercept = () => 'drop';
      a.send(b, 'in vain');
      network.run(2 * MINUTE);
      const tries = sentBy(a, 1).map(({ at }) => at);
      gaps.push(...tries.slice(1).map((at, i) => at - (tries[i] as number) - REKEY_TIMEOUT));
    }
    expect(Math.min(...gaps)).toBeLessThan(10);
    expect(Math.max(...gaps)).toBeGreaterThan(REKEY_TIMEOUT_JITTER - 10);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(REKEY_TIMEOUT_JITTER);
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    expect(Math.abs(mean - REKEY_TIMEOUT_JITTER / 2)).toBeLessThan(20);
  });

  it('loses the packets that wait when it is given up, and is tried again for new ones', () => {
    const { network, a, b } = pair();
    network.intercept = () => 'drop';
    a.send(b, 'dropped');
    network.run(5 * MINUTE);
    network.intercept = () => 'pass';
    network.run(5 * MINUTE);
    expect(texts(b)).toEqual([]);
    expect(sentBy(b)).toEqual([]);
    a.send(b, 'delivered');
    network.run(SECOND);
    expect(texts(b)).toEqual(['delivered']);
  });

  it('has the newest packets waiting for it', () => {
    const { network, a, b } = pair();
    network.intercept = () => 'drop';
    for (let i = 0; i < 300; i++) a.send(b, `${i}`);
    network.run(2 * SECOND);
    network.intercept = () => 'pass';
    network.run(MINUTE);
    const newest = Array.from(
      { length: MAX_STAGED_PACKETS },
      (_, i) => `${300 - MAX_STAGED_PACKETS + i}`,
    );
    expect(texts(b)).toEqual(newest);
  });

  it('is tried further while there is something new to send', () => {
    const { network, a, b } = pair();
    network.intercept = () => 'drop';
    network.every(SECOND, 600, (i) => a.send(b, `${i}`));
    network.run(10 * MINUTE);
    expect(sentBy(a, 1).length).toBeGreaterThan(110);
    network.intercept = () => 'pass';
    network.run(MINUTE);
    expect(texts(b)).toHaveLength(MAX_STAGED_PACKETS);
  });

  it('gets an answer as soon as it speaks', () => {
    const { network, a, b } = pair();
    network.intercept = ({ from }) => (from.port === a.endpoint.port ? 'drop' : 'pass');
    a.send(b, 'from a');
    network.run(30 * SECOND);
    network.intercept = () => 'pass';
    b.send(a, 'from b');
    network.run(SECOND);
    expect(texts(a)).toEqual(['from b']);
    expect(texts(b)).toEqual(['from a']);
  });
});
