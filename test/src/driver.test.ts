import { beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../crypto/secret.js';
import type {
  Action,
  DataPlane,
  DataPlaneEvent,
  Millis,
  Transfer,
} from '../../protocol/dataplane.js';
import { Device, type PeerChange } from '../../protocol/device.js';
import { Driver } from '../../src/control/driver.js';
import { nextTurn, VirtualClock } from './support.js';

class FakePlane implements DataPlane {
  readonly name = 'fake';
  readonly applied: (Action | 'close')[] = [];
  #listener: ((batch: readonly DataPlaneEvent[]) => void) | undefined;

  apply(action: Action): void {
    this.applied.push(action);
  }

  onEvents(listener: (batch: readonly DataPlaneEvent[]) => void): void {
    this.#listener = listener;
  }

  emit(...batch: DataPlaneEvent[]): void {
    this.#listener?.(batch);
  }

  transfer(): Transfer {
    return { rxBytes: 0n, txBytes: 0n };
  }

  async close(): Promise<void> {
    this.applied.push('close');
  }
}

/** Does as the test says. */
class FakeDevice {
  readonly calls: unknown[][] = [];
  readonly actions: Action[] = [];
  timeout: Millis | undefined;
  onTimeout: () => void = () => undefined;

  configure(now: Millis, change: PeerChange): void {
    this.calls.push(['configure', now, change]);
  }

  reconnect(now: Millis, publicKey?: Uint8Array): void {
    this.calls.push(['reconnect', now, publicKey]);
  }

  handleEvent(now: Millis, event: DataPlaneEvent): void {
    this.calls.push(['event', now, event]);
  }

  handleTimeout(now: Millis): void {
    this.calls.push(['timeout', now]);
    this.onTimeout();
  }

  pollAction(): Action | undefined {
    return this.actions.shift();
  }

  pollTimeout(): Millis | undefined {
    return this.timeout;
  }

  close(): void {
    this.calls.push(['close']);
    this.actions.push({ type: 'removePeer', peer: 1 });
  }
}

const CHANGE: PeerChange = { publicKey: new Uint8Array(32) };
const keepalive = (peer: number): Action => ({ type: 'sendKeepalive', peer });
const wanted = (peer: number): DataPlaneEvent => ({ type: 'needsHandshake', peer });

describe('Driver', () => {
  let device: FakeDevice;
  let plane: FakePlane;
  let clock: VirtualClock;
  let driver: Driver;
  let start: Millis;

  beforeEach(() => {
    device = new FakeDevice();
    plane = new FakePlane();
    clock = new VirtualClock();
    driver = new Driver(device as unknown as Device, plane, clock);
    start = clock.now();
  });

  /** As often as the device may have another deadline: an event that changes nothing. */
  const setTimeoutAt = (at: Millis | undefined): void => {
    device.timeout = at;
    plane.emit(wanted(1));
  };

  it('passes every action down, in order', () => {
    device.actions.push(keepalive(1), keepalive(2), keepalive(3));
    driver.configure(CHANGE);
    expect(device.calls).toEqual([['configure', start, CHANGE]]);
    expect(plane.applied).toEqual([keepalive(1), keepalive(2), keepalive(3)]);
  });

  it('passes a batch of events up with one time, then the actions down', () => {
    device.actions.push(keepalive(1));
    plane.emit(wanted(1), wanted(2));
    expect(device.calls).toEqual([
      ['event', start, wanted(1)],
      ['event', start, wanted(2)],
    ]);
    expect(plane.applied).toEqual([keepalive(1)]);
  });

  it('shows each action to an observer before it is carried out', () => {
    const seen: unknown[] = [];
    const end = driver.observe((action) => seen.push([action, plane.applied.length]));
    device.actions.push(keepalive(1), keepalive(2));
    driver.configure(CHANGE);
    end();
    device.actions.push(keepalive(3));
    driver.configure(CHANGE);
    expect(seen).toEqual([
      [keepalive(1), 0],
      [keepalive(2), 1],
    ]);
  });

  it('reconnects one peer or all, and none after its end', async () => {
    device.actions.push(keepalive(1));
    driver.reconnect(CHANGE.publicKey);
    driver.reconnect();
    expect(plane.applied).toEqual([keepalive(1)]);
    await driver.close();
    driver.reconnect();
    expect(device.calls).toEqual([
      ['reconnect', start, CHANGE.publicKey],
      ['reconnect', start, undefined],
      ['close'],
    ]);
  });

  it('wakes the device at its deadline and carries out the actions', () => {
    device.onTimeout = () => {
      device.actions.push(keepalive(7));
      device.timeout = undefined;
    };
    setTimeoutAt(start + 250);
    device.calls.length = 0;
    clock.advance(249);
    expect(device.calls).toEqual([]);
    clock.advance(1);
    expect(device.calls).toEqual([['timeout', start + 250]]);
    expect(plane.applied).toEqual([keepalive(7)]);
    clock.advance(1_000_000);
    expect(device.calls).toHaveLength(1);
  });

  it('wakes it again and again', () => {
    device.onTimeout = () => {
      device.timeout = clock.now() + 100;
    };
    setTimeoutAt(start + 100);
    device.calls.length = 0;
    clock.advance(1000);
    expect(device.calls.map(([, now]) => now)).toEqual(
      Array.from({ length: 10 }, (_, i) => start + 100 * (i + 1)),
    );
  });

  it('sets no timer without a deadline', () => {
    setTimeoutAt(undefined);
    expect(clock.delays).toEqual([]);
  });

  it('moves its timer for an earlier deadline only', () => {
    setTimeoutAt(start + 500);
    setTimeoutAt(start + 500);
    setTimeoutAt(start + 900);
    expect(clock.delays).toEqual([500]);
    setTimeoutAt(start + 200);
    expect(clock.delays).toEqual([500, 200]);
    expect(clock.waiting).toBe(1);
  });

  it('sleeps on when it wakes for a deadline that has moved', () => {
    setTimeoutAt(start + 200);
    setTimeoutAt(start + 900);
    clock.advance(200);
    expect(clock.delays).toEqual([200, 700]);
  });

  it('wakes the device after the machine slept, when the first event comes', async () => {
    setTimeoutAt(start + 5000);
    clock.sleep(60_000);
    device.calls.length = 0;
    device.onTimeout = () => {
      device.timeout = undefined;
    };
    plane.emit(wanted(1));
    await nextTurn();
    expect(device.calls.at(-1)).toEqual(['timeout', start + 60_000]);
    expect(clock.waiting).toBe(0);
  });

  it.each([
    ['now', 0],
    ['in the past', -1000],
    ['at once, for handshakes that wait', Number.NEGATIVE_INFINITY],
  ])('schedules what is due %s once, after the current turn', async (_, offset) => {
    setTimeoutAt(start + offset);
    setTimeoutAt(start + offset);
    expect(clock.delays).toEqual([0]);
    expect(device.calls.map(([call]) => call)).not.toContain('timeout');
    device.onTimeout = () => {
      device.timeout = undefined;
    };
    await nextTurn();
    expect(device.calls.filter(([call]) => call === 'timeout')).toEqual([['timeout', start]]);
  });

  it('closes once: the device first, its last actions, then the data plane', async () => {
    setTimeoutAt(start + 100);
    device.calls.length = 0;
    await Promise.all([driver.close(), driver.close()]);
    await driver.close();
    expect(device.calls).toEqual([['close']]);
    expect(plane.applied).toEqual([{ type: 'removePeer', peer: 1 }, 'close']);
    expect(clock.waiting).toBe(0);
  });

  it('also cancels what is scheduled for right away', async () => {
    setTimeoutAt(start);
    await driver.close();
    device.calls.length = 0;
    await nextTurn();
    expect(device.calls).toEqual([]);
  });

  it('ignores events after close', async () => {
    await driver.close();
    device.calls.length = 0;
    plane.applied.length = 0;
    device.actions.push(keepalive(1));
    plane.emit(wanted(1));
    expect([device.calls, plane.applied, clock.delays]).toEqual([[], [], []]);
  });

  it('zeroes the private key of a real device on close', async () => {
    const privateKey = Secret.copyOf(new Uint8Array(32).fill(7));
    const env = { random: (n: number) => new Uint8Array(n), wallNanos: () => 0n };
    const real = new Device({ privateKey }, env);
    const other = new Driver(real, plane, clock);
    other.configure({ publicKey: new Uint8Array(32).fill(9) });
    await other.close();
    expect(plane.applied.map((a) => (a === 'close' ? a : a.type))).toEqual([
      'setPeer',
      'dropKeypairs',
      'removePeer',
      'close',
    ]);
    expect(() => real.configure(start, { publicKey: new Uint8Array(32).fill(5) })).toThrow(
      'zeroed',
    );
    expect(privateKey.isZeroed).toBe(false);
  });
});
