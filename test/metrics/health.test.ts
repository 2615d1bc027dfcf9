import { describe, expect, it } from 'vitest';
import type { PeerStatus } from '../../src/index.js';
import { Health } from '../../src/metrics/health.js';
import { VirtualClock } from '../src/support.js';
import { peerStatus, tunnelStatus } from './support.js';

/** A peer that is looked at every five seconds, as the server does. */
class Patient {
  readonly clock: VirtualClock = new VirtualClock();
  readonly #health = new Health();
  peer: PeerStatus;

  constructor(changes: Partial<PeerStatus> = {}) {
    this.peer = peerStatus(changes);
    this.#look();
  }

  handshake(): void {
    this.peer = { ...this.peer, latestHandshake: this.clock.wallNanos() };
  }

  send(bytes = 148n): void {
    this.peer = { ...this.peer, txBytes: this.peer.txBytes + bytes };
  }

  /** What is wrong after so many seconds; `each` happens before each look. */
  after(seconds: number, each: () => void = () => undefined): string | undefined {
    for (let passed = 0; passed < seconds; passed += 5) {
      each();
      this.clock.advance(Math.min(5, seconds - passed) * 1000);
      this.#look();
    }
    return this.now;
  }

  get now(): string | undefined {
    return this.#health.problems(tunnelStatus([this.peer]), this.#moment())[0]?.problem;
  }

  #look(): void {
    this.#health.look(tunnelStatus([this.peer]), this.#moment());
  }

  #moment(): { now: number; wallNanos: bigint } {
    return { now: this.clock.now(), wallNanos: this.clock.wallNanos() };
  }
}

describe('a peer with a keepalive', () => {
  it('is unwell until its first handshake, and when the last one is old', () => {
    const patient = new Patient({ persistentKeepalive: 25 });
    expect(patient.now).toBe('no handshake yet');
    patient.handshake();
    expect(patient.now).toBeUndefined();
    expect(patient.after(180)).toBeUndefined();
    expect(patient.after(1)).toBe('no handshake for 181 seconds');
    patient.handshake();
    expect(patient.now).toBeUndefined();
  });

  it('is unwell after the machine has slept', () => {
    const patient = new Patient({ persistentKeepalive: 25 });
    patient.handshake();
    patient.clock.sleep(3_600_000);
    expect(patient.now).toBe('no handshake for 3600 seconds');
  });

  it('may be as late as a rare keepalive is', () => {
    const patient = new Patient({ persistentKeepalive: 600 });
    patient.handshake();
    expect(patient.after(730)).toBeUndefined();
    expect(patient.after(1)).toBe('no handshake for 731 seconds');
  });

  it('cannot be reached without an endpoint', () => {
    const { endpoint: _, ...unknown } = peerStatus({ persistentKeepalive: 25 });
    const health = new Health();
    const moment = { now: 0, wallNanos: 10n ** 18n };
    expect(health.problems(tunnelStatus([unknown]), moment)).toEqual([]);
  });
});

describe('a peer without a keepalive', () => {
  it('is well while nothing is sent', () => {
    const patient = new Patient();
    expect(patient.after(1000)).toBeUndefined();
    patient.handshake();
    expect(patient.after(1000)).toBeUndefined();
  });

  it('is unwell when it is gone: ten seconds after something was sent to it', () => {
    const patient = new Patient();
    const send = (): void => patient.send();
    expect(patient.after(10, send)).toBeUndefined();
    expect(patient.after(5, send)).toBe('no handshake yet, although something was sent');
    patient.handshake();
    expect(patient.now).toBeUndefined();
  });

  it('is unwell when it goes while it is sent to, and well when it is back', () => {
    const patient = new Patient();
    patient.handshake();
    const send = (): void => patient.send();
    expect(patient.after(180, send)).toBeUndefined();
    expect(patient.after(20, send)).toBe(
      'no handshake for 200 seconds, although something was sent',
    );
    patient.handshake();
    expect(patient.after(5, send)).toBeUndefined();
  });

  it('is well again three minutes after the last packet was sent', () => {
    const patient = new Patient();
    patient.after(20, () => patient.send());
    expect(patient.after(175)).toContain('although something was sent');
    expect(patient.after(10)).toBeUndefined();
  });

  it('is not unwell because of what was sent before the first look', () => {
    expect(new Patient({ txBytes: 1000n }).after(100)).toBeUndefined();
  });
});

it('a peer that was removed and came back has no history', () => {
  const health = new Health();
  const wallNanos = 10n ** 18n;
  const sent = (txBytes: bigint) => tunnelStatus([peerStatus({ txBytes })]);
  health.look(sent(0n), { now: 0, wallNanos });
  health.look(sent(148n), { now: 1000, wallNanos });
  health.look(tunnelStatus([]), { now: 2000, wallNanos });
  health.look(sent(148n), { now: 60_000, wallNanos });
  expect(health.problems(sent(148n), { now: 60_000, wallNanos })).toEqual([]);
});
