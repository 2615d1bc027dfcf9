import { beforeEach, describe, expect, it } from 'vitest';
import {
  KEEPALIVE_TIMEOUT,
  REJECT_AFTER_TIME,
  REKEY_TIMEOUT,
  REKEY_TIMEOUT_JITTER,
} from '../../protocol/constants.js';
import { PeerTimers } from '../../protocol/timers.js';

const NEVER = Number.POSITIVE_INFINITY;

let jitter: number;
let timers: PeerTimers;

beforeEach(() => {
  jitter = 0;
  timers = new PeerTimers(() => Uint8Array.of(jitter & 0xff, jitter >> 8));
});

describe('timers', () => {
  it('are not set at first', () => {
    expect(timers.next).toBe(NEVER);
    expect(timers.take(1e12, 'newHandshake')).toBe(false);
  });

  it('fire once, when they are due', () => {
    timers.handshakeInitiated(1000);
    expect(timers.next).toBe(1000 + REKEY_TIMEOUT);
    expect(timers.take(1000 + REKEY_TIMEOUT - 1, 'retransmitHandshake')).toBe(false);
    expect(timers.take(1000 + REKEY_TIMEOUT, 'retransmitHandshake')).toBe(true);
    expect(timers.take(1000 + REKEY_TIMEOUT, 'retransmitHandshake')).toBe(false);
  });

  it.each([
    [0, 0],
    [REKEY_TIMEOUT_JITTER, REKEY_TIMEOUT_JITTER],
    [REKEY_TIMEOUT_JITTER + 1, 0],
    [65_535, 65_535 % (REKEY_TIMEOUT_JITTER + 1)],
  ])('have a jitter up to its limit (%i gives %i)', (random, expected) => {
    jitter = random;
    timers.handshakeInitiated(0);
    expect(timers.next).toBe(REKEY_TIMEOUT + expected);
  });

  it('wait for an answer from the first data on, not from the last', () => {
    timers.dataSent(0);
    timers.dataSent(14_000);
    expect(timers.next).toBe(KEEPALIVE_TIMEOUT + REKEY_TIMEOUT);
    timers.anyAuthenticatedReceived();
    expect(timers.next).toBe(NEVER);
  });

  it('send a keepalive for data, a second one for data that came meanwhile, and no third', () => {
    timers.dataReceived(0);
    timers.dataReceived(5000);
    expect(timers.take(KEEPALIVE_TIMEOUT, 'sendKeepalive')).toBe(true);
    timers.anyAuthenticatedSent(); // The keepalive itself.
    expect(timers.next).toBe(2 * KEEPALIVE_TIMEOUT);
    expect(timers.take(2 * KEEPALIVE_TIMEOUT, 'sendKeepalive')).toBe(true);
    timers.anyAuthenticatedSent();
    expect(timers.next).toBe(NEVER);
  });

  it('send no keepalive when something else was sent', () => {
    timers.dataReceived(0);
    timers.anyAuthenticatedSent();
    expect(timers.next).toBe(NEVER);
  });

  it('move the persistent keepalive with each authenticated packet', () => {
    timers.anyAuthenticatedTraversal(0);
    expect(timers.next).toBe(NEVER);
    timers.setPersistentInterval(0, 25_000);
    expect(timers.next).toBe(25_000);
    timers.anyAuthenticatedTraversal(7);
    expect(timers.next).toBe(25_007);
    timers.setPersistentInterval(20, 25_000);
    expect(timers.next).toBe(25_007);
    timers.setPersistentInterval(20, 0);
    expect(timers.next).toBe(NEVER);
  });

  it('give up after the tries of REKEY_ATTEMPT_TIME, and count anew when asked anew', () => {
    const tries = (): number => {
      let count = 0;
      while (timers.retryHandshake()) count++;
      return count;
    };
    expect(tries()).toBe(19);
    timers.handshakeWanted();
    expect(tries()).toBe(19);
    timers.handshakeComplete();
    expect(tries()).toBe(19);
  });

  it('delay a handshake without putting off one that is planned', () => {
    timers.handshakeDelayed(100);
    expect(timers.next).toBe(100 + REKEY_TIMEOUT);
    timers.handshakeDelayed(200);
    expect(timers.next).toBe(100 + REKEY_TIMEOUT);
    timers.handshakeComplete();
    expect(timers.next).toBe(NEVER);
  });

  it('zero keys after the last session, or after giving up when there was none', () => {
    timers.handshakeGivenUp(0);
    expect(timers.next).toBe(3 * REJECT_AFTER_TIME);
    timers.handshakeGivenUp(1000);
    expect(timers.next).toBe(3 * REJECT_AFTER_TIME);
    timers.sessionDerived(1000);
    expect(timers.next).toBe(1000 + 3 * REJECT_AFTER_TIME);
  });
});
