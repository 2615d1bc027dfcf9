import type { Secret } from '../../crypto/secret.js';
import type {
  Action,
  DataPlane,
  DataPlaneEvent,
  Millis,
  PeerId,
} from '../../protocol/dataplane.js';
import type { Device, PeerChange } from '../../protocol/device.js';
import type { Clock } from '../../system/clock.js';

/** Milliseconds by which a busy event loop may be late. */
const OVERDUE = 1000;

/**
 * Connects a device to a data plane: passes events to the device and actions to the data plane, and
 * wakes the device at its next deadline.
 */
export class Driver {
  readonly #device: Device;
  readonly #plane: DataPlane;
  readonly #clock: Clock;
  #wakeAt: Millis = Number.POSITIVE_INFINITY;
  #expectedAt: Millis = Number.POSITIVE_INFINITY;
  #timer: { cancel(): void } | undefined;
  #closed = false;
  readonly #observers = new Set<(action: Action) => void>();
  readonly #eventObservers = new Set<(event: DataPlaneEvent) => void>();

  /** `onRoamed` is called when the endpoint of a peer has changed. */
  constructor(device: Device, plane: DataPlane, clock: Clock, onRoamed?: () => void) {
    this.#device = device;
    this.#plane = plane;
    this.#clock = clock;
    plane.onEvents((batch) => {
      if (this.#closed) return;
      const now = clock.now();
      for (const event of batch) device.handleEvent(now, event);
      this.#carryOut(now);
      for (const observer of this.#eventObservers) for (const event of batch) observer(event);
      if (onRoamed && batch.some(({ type }) => type === 'roamed')) onRoamed();
    });
  }

  configure(change: PeerChange): void {
    if (this.#closed) return;
    const now = this.#clock.now();
    this.#device.configure(now, change);
    this.#carryOut(now);
  }

  /** See `Device.reconnect`. */
  reconnect(publicKey?: Uint8Array): void {
    if (this.#closed) return;
    const now = this.#clock.now();
    this.#device.reconnect(now, publicKey);
    this.#carryOut(now);
  }

  /**
   * Calls `observer` with each action before it is carried out; it must not call back into the driver.
   * Returns a function that ends the observation.
   */
  observe(observer: (action: Action) => void): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** Like `observe`, for events of the data plane: called after the device has handled them. */
  observeEvents(observer: (event: DataPlaneEvent) => void): () => void {
    this.#eventObservers.add(observer);
    return () => this.#eventObservers.delete(observer);
  }

  /** Starts a handshake with the peer now, or as soon as REKEY_TIMEOUT allows. */
  initiate(peer: PeerId): void {
    if (this.#closed) return;
    const now = this.#clock.now();
    this.#device.handleEvent(now, { type: 'needsHandshake', peer });
    this.#carryOut(now);
  }

  /** See `Device.setPrivateKey`. */
  setPrivateKey(privateKey: Secret): void {
    if (this.#closed) return;
    this.#device.setPrivateKey(privateKey);
    this.#carryOut(this.#clock.now());
  }

  /** Zeroes the device's keys and closes the data plane. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    this.#device.close();
    this.#drain();
    await this.#plane.close();
  }

  #carryOut(now: Millis): void {
    this.#drain();
    const next = this.#device.pollTimeout();
    // An early wake-up does no harm, so a later deadline does not move the timer. A late one is
    // replaced: timers stand still while the machine sleeps.
    const isOverdue = now - this.#expectedAt > OVERDUE;
    if (next === undefined || (next >= this.#wakeAt && !isOverdue)) return;
    this.#timer?.cancel();
    this.#wakeAt = next;
    this.#expectedAt = Math.max(now, next);
    this.#timer = this.#clock.schedule(Math.max(0, next - now), () => this.#wake());
  }

  #wake(): void {
    this.#wakeAt = Number.POSITIVE_INFINITY;
    this.#expectedAt = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    this.#device.handleTimeout(now);
    this.#carryOut(now);
  }

  #drain(): void {
    for (let a = this.#device.pollAction(); a; a = this.#device.pollAction()) {
      for (const observer of this.#observers) observer(a);
      this.#plane.apply(a);
    }
  }
}
