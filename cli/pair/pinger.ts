import { becomesTrue, until } from '../until.js';
import { type Line, onPacket } from './line.js';
import { type AddressPair, echoRequest, isReplyTo } from './packets.js';

/** A ping without a reply after this time is lost. */
const LOST_AFTER_MS = 1000;
/** How many round-trip times are kept for the graph. */
const REMEMBERED = 60;

/** Returns the request with this number. */
export type RequestMaker = (sequence: number) => Uint8Array;

export function echoRequests(pairs: readonly AddressPair[]): RequestMaker[] {
  return pairs.map((addresses) => (sequence) => echoRequest(addresses, sequence));
}

export class Pinger {
  sent = 0;
  received = 0;
  /** The round-trip times of the last pings, in milliseconds. */
  readonly times: number[] = [];
  readonly #line: Line;
  readonly #isReply: typeof isReplyTo;
  readonly #waiting = new Set<{ readonly request: Uint8Array; readonly sentAt: number }>();

  /** `isReply` is for requests other than ICMP echo. */
  constructor(line: Line, isReply: typeof isReplyTo = isReplyTo) {
    this.#line = line;
    this.#isReply = isReply;
    onPacket(line, (packet) => this.#take(packet));
  }

  get lost(): number {
    const before = performance.now() - LOST_AFTER_MS;
    return [...this.#waiting].filter(({ sentAt }) => sentAt < before).length;
  }

  /** Sends `requests` in turn until `work` is done. Resolves to how many were sent and lost. */
  async during(
    requests: readonly RequestMaker[],
    intervalMs: number,
    signal: AbortSignal,
    work: () => Promise<void>,
  ): Promise<{ readonly sent: number; readonly lost: number }> {
    this.#reset();
    const timer = setInterval(() => {
      const request = requests[this.sent % requests.length];
      if (request) this.#send(request(++this.sent));
    }, intervalMs);
    try {
      await work();
    } finally {
      clearInterval(timer);
    }
    const areAllBack = (): boolean => this.#waiting.size === 0;
    await becomesTrue(areAllBack, { patienceMs: LOST_AFTER_MS, turnMs: intervalMs, signal });
    return { sent: this.sent, lost: this.#waiting.size };
  }

  /** Waits for `count` more replies. Throws when they do not arrive. */
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

  #send(request: Uint8Array): void {
    this.#waiting.add({ request, sentAt: performance.now() });
    this.#line.write(request);
  }

  #take(packet: Uint8Array): void {
    for (const waiting of this.#waiting) {
      if (!this.#isReply(waiting.request, packet)) continue;
      this.#waiting.delete(waiting);
      this.received++;
      this.times.push(performance.now() - waiting.sentAt);
      if (this.times.length > REMEMBERED) this.times.shift();
      return;
    }
  }
}
