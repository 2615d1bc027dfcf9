import { setTimeout as sleep } from 'node:timers/promises';
import type { Tun } from '../../src/index.js';
import { until } from '../until.js';
import { echoReply, echoRequest, isReplyTo } from './packets.js';
import type { AddressPair } from './tunnels.js';

/** After which a ping without an answer is lost. */
const LOST_AFTER_MS = 1000;
/** To be drawn. */
const REMEMBERED = 60;

interface Waiting {
  readonly request: Uint8Array;
  readonly sentAt: number;
}

/** Answers all pings, as the machine behind a tunnel does. */
export function answerPings(host: Tun): void {
  host.start(
    (packets) => {
      for (const packet of packets) {
        const reply = echoReply(packet);
        if (reply) host.write(reply);
      }
    },
    () => undefined,
  );
}

/** Pings out of the machine behind a tunnel. */
export class Pinger {
  sent = 0;
  received = 0;
  /** Milliseconds each of the last ones took. */
  readonly times: number[] = [];
  readonly #host: Tun;
  readonly #waiting = new Set<Waiting>();

  constructor(host: Tun) {
    this.#host = host;
    host.start(
      (packets) => {
        for (const packet of packets) this.#take(packet);
      },
      () => undefined,
    );
  }

  get lost(): number {
    const before = performance.now() - LOST_AFTER_MS;
    return [...this.#waiting].filter(({ sentAt }) => sentAt < before).length;
  }

  /** Pings all of `pairs` in turn until `work` is done; answers how many were sent and lost. */
  async during(
    pairs: readonly AddressPair[],
    intervalMs: number,
    signal: AbortSignal,
    work: () => Promise<void>,
  ): Promise<{ readonly sent: number; readonly lost: number }> {
    this.#reset();
    const timer = setInterval(() => {
      const pair = pairs[this.sent % pairs.length];
      if (pair) this.#send(pair);
    }, intervalMs);
    try {
      await work();
    } finally {
      clearInterval(timer);
    }
    const endsAt = performance.now() + LOST_AFTER_MS;
    while (this.#waiting.size > 0 && performance.now() < endsAt)
      await sleep(intervalMs, undefined, { signal });
    return { sent: this.sent, lost: this.#waiting.size };
  }

  /** Throws when they do not come. */
  async moreReplies(count: number, signal: AbortSignal): Promise<void> {
    const enough = this.received + count;
    await until(`${count} more pings come back`, () => this.received >= enough, signal);
  }

  #reset(): void {
    this.sent = 0;
    this.received = 0;
    this.times.length = 0;
    this.#waiting.clear();
  }

  #send([from, to]: AddressPair): void {
    const request = echoRequest(from, to, ++this.sent & 0xffff);
    this.#waiting.add({ request, sentAt: performance.now() });
    this.#host.write(request);
  }

  #take(packet: Uint8Array): void {
    for (const waiting of this.#waiting) {
      if (!isReplyTo(waiting.request, packet)) continue;
      this.#waiting.delete(waiting);
      this.received++;
      this.times.push(performance.now() - waiting.sentAt);
      if (this.times.length > REMEMBERED) this.times.shift();
      return;
    }
  }
}
