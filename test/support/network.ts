/**
 * A simulated internet with a virtual clock. Time jumps from event to event, so that hours of
 * protocol time pass in milliseconds, and every run with the same seed is the same run.
 */
import { onTestFailed } from 'vitest';
import type { Endpoint, Millis } from '../../protocol/dataplane.js';
import { Prng } from './prng.js';

export interface Link {
  /** Milliseconds one way. */
  latency: number;
  /** Up to so many milliseconds more, each datagram by chance. */
  jitter: number;
  /** Part of the datagrams that get lost, 0 to 1. */
  loss: number;
  /** Part of the datagrams that arrive twice, 0 to 1. */
  duplication: number;
  /** Whether jitter may let a datagram overtake another. */
  reorders: boolean;
}

/** What the eavesdropper wrote down. */
export interface SeenDatagram {
  readonly at: Millis;
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly bytes: Uint8Array;
  /** Times it was handed to a host so far. */
  arrivals: number;
}

/** What the one in the middle does with a datagram: Uint8Array is what goes on in its place. */
export type Interception = 'pass' | 'drop' | 'hold' | Uint8Array;

export interface NetworkHost {
  readonly endpoint: Endpoint;
  /** Undefined for never; a time in the past means at once. */
  nextTimeout(): Millis | undefined;
  handleTimeout(): void;
  handleDatagram(bytes: Uint8Array, from: Endpoint): void;
}

interface Scheduled {
  readonly at: Millis;
  readonly run: () => void;
}

const START: Millis = 4_711_000;
/** Unix nanoseconds at START. */
const WALL_START = 1_750_000_000_000_000_000n;
const MAX_STEPS = 2_000_000;

export class Network {
  now: Millis = START;
  readonly link: Link = { latency: 10, jitter: 0, loss: 0, duplication: 0, reorders: false };
  readonly random: Prng;
  /** Every datagram that any host sent, in order. */
  readonly seen: SeenDatagram[] = [];
  /** Held back by `intercept`. */
  readonly held: SeenDatagram[] = [];
  intercept: (datagram: SeenDatagram) => Interception = () => 'pass';
  readonly #hosts: NetworkHost[] = [];
  readonly #queue: Scheduled[] = [];
  readonly #lastArrival = new Map<string, Millis>();

  constructor(seed: number = Number(process.env['WG_TS_SEED'] ?? 1)) {
    this.random = new Prng(seed);
    onTestFailed(() => console.error(`simulation seed: WG_TS_SEED=${seed}`));
  }

  add(host: NetworkHost): void {
    this.#hosts.push(host);
  }

  wallNanos(): bigint {
    return WALL_START + BigInt(Math.round((this.now - START) * 1_000_000));
  }

  send(from: Endpoint, to: Endpoint, bytes: Uint8Array): void {
    const datagram = { at: this.now, from, to, bytes: Uint8Array.from(bytes), arrivals: 0 };
    this.seen.push(datagram);
    const interception = this.intercept(datagram);
    if (interception === 'drop') return;
    if (interception === 'hold') this.held.push(datagram);
    else this.#carry(datagram, interception === 'pass' ? datagram.bytes : interception);
  }

  /** From an attacker, without delay, loss or eavesdropper. */
  inject(from: Endpoint, to: Endpoint, bytes: Uint8Array): void {
    this.after(0, () => this.#arrive(from, to, bytes));
  }

  /** Lets go what `intercept` held back. */
  release(): void {
    for (const datagram of this.held.splice(0)) this.#carry(datagram, datagram.bytes);
  }

  after(delay: Millis, run: () => void): void {
    const at = this.now + delay;
    let i = this.#queue.length;
    while (i > 0 && (this.#queue[i - 1] as Scheduled).at > at) i--;
    this.#queue.splice(i, 0, { at, run });
  }

  /** Runs `act` every `interval` from now on, `times` times in all. */
  every(interval: Millis, times: number, act: (i: number) => void): void {
    const tick = (i: number): void => {
      act(i);
      if (i + 1 < times) this.after(interval, () => tick(i + 1));
    };
    if (times > 0) this.after(0, () => tick(0));
  }

  /** Everything that happens until then, the last millisecond included. */
  run(duration: Millis): void {
    const end = this.now + duration;
    for (let steps = 0; ; steps++) {
      if (steps > MAX_STEPS) throw new Error('the simulation does not come to rest');
      const at = this.#nextTime();
      if (at > end) break;
      this.now = Math.max(this.now, at);
      this.#step();
    }
    this.now = end;
  }

  /** Time passes and nothing happens meanwhile, as when a machine sleeps. */
  sleep(duration: Millis): void {
    this.now += duration;
  }

  #step(): void {
    while (this.#queue[0] && this.#queue[0].at <= this.now) this.#queue.shift()?.run();
    for (const host of this.#hosts) {
      const at = host.nextTimeout();
      if (at !== undefined && at <= this.now) host.handleTimeout();
    }
  }

  #nextTime(): Millis {
    let next = this.#queue[0]?.at ?? Number.POSITIVE_INFINITY;
    for (const host of this.#hosts) {
      const at = host.nextTimeout();
      if (at !== undefined && at < next) next = at;
    }
    return next;
  }

  #carry(datagram: SeenDatagram, bytes: Uint8Array): void {
    const copies = this.random.fraction() < this.link.duplication ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      if (this.random.fraction() < this.link.loss) continue;
      const delay = this.#delay(datagram);
      this.after(delay, () => {
        if (this.#arrive(datagram.from, datagram.to, bytes)) datagram.arrivals++;
      });
    }
  }

  #delay({ from, to }: SeenDatagram): Millis {
    const delay = this.link.latency + this.random.below(this.link.jitter + 1);
    if (this.link.reorders) return delay;
    const path = `${textOf(from)} ${textOf(to)}`;
    const at = Math.max(this.now + delay, this.#lastArrival.get(path) ?? 0);
    this.#lastArrival.set(path, at);
    return at - this.now;
  }

  #arrive(from: Endpoint, to: Endpoint, bytes: Uint8Array): boolean {
    const host = this.#hosts.find(({ endpoint }) => textOf(endpoint) === textOf(to));
    host?.handleDatagram(Uint8Array.from(bytes), from);
    return host !== undefined;
  }
}

export function textOf({ address, port }: Endpoint): string {
  return `[${address}]:${port}`;
}
