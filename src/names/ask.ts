import { randomInt } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Clock, Scheduled } from '../../system/clock.js';
import { connectTcp, connectUdp } from '../../udp/linux/connected.js';
import { Lookup, type LookupResult } from './lookup.js';
import { LARGEST_MESSAGE } from './message.js';
import type { Transmission } from './question.js';

const DNS_PORT = 53;
const LENGTH_SIZE = 2;

export interface AskOptions {
  /** The name as it may be meant, in the order of `candidatesOf`. */
  readonly candidates: readonly string[];
  /** IP addresses, the preferred one first. */
  readonly servers: readonly string[];
  /** Mark of the packets; 0 is none. */
  readonly mark: number;
  readonly clock: Clock;
  /** By default 53. */
  readonly port?: number;
}

/**
 * Looks a name up by sockets with the mark. Each query has a socket of its own, with a port that the system
 * chooses at random. Never rejects.
 */
export function ask(options: AskOptions): Promise<LookupResult> {
  return new Promise((resolve) => new Asking(options, resolve).proceed());
}

class Asking {
  readonly #options: AskOptions;
  readonly #lookup: Lookup;
  readonly #resolve: (result: LookupResult) => void;
  readonly #open = new Map<Transmission, { close(): void }>();
  #timer: Scheduled | undefined;

  constructor(options: AskOptions, resolve: (result: LookupResult) => void) {
    const { candidates, servers, clock } = options;
    this.#options = options;
    this.#resolve = resolve;
    const randomId = (): number => randomInt(0x1_0000);
    this.#lookup = new Lookup(clock.now(), { candidates, servers, randomId });
  }

  /** Brings what is under way in line with what should be. */
  proceed(): void {
    const { clock } = this.#options;
    const wanted = this.#lookup.transmissions;
    for (const [transmission, socket] of this.#open)
      if (!wanted.includes(transmission)) {
        this.#open.delete(transmission);
        socket.close();
      }
    for (const transmission of wanted) if (!this.#open.has(transmission)) this.#send(transmission);
    this.#timer?.cancel();
    const { result, deadline } = this.#lookup;
    if (result) {
      this.#resolve(result);
      return;
    }
    this.#timer = clock.schedule(Math.max(0, deadline - clock.now()), () => {
      this.#lookup.handleTimeout(clock.now());
      this.proceed();
    });
  }

  #send(transmission: Transmission): void {
    const later = new Later(this.#options.clock, () => {
      this.#lookup.handleFailure(this.#options.clock.now(), transmission);
      this.proceed();
    });
    this.#open.set(transmission, later);
    const onAnswer = (bytes: Uint8Array): void => {
      if (!this.#open.has(transmission)) return;
      this.#lookup.handleAnswer(this.#options.clock.now(), transmission, bytes);
      this.proceed();
    };
    const { server, over, bytes } = transmission;
    const { mark, port = DNS_PORT } = this.#options;
    const to = { address: server, port };
    try {
      if (over === 'udp') {
        const handlers = { onDatagram: onAnswer, onError: () => later.run() };
        const socket = connectUdp(to, mark, handlers);
        later.also = () => socket.close();
        socket.send(bytes);
      } else {
        const socket = connectTcp(to, mark);
        later.also = () => socket.destroy();
        askByTcp(socket, bytes, onAnswer, () => later.run());
      }
    } catch {
      later.run();
    }
  }
}

/** Reports a failure in a turn of its own, so that the caller has finished. */
class Later {
  readonly #clock: Clock;
  readonly #report: () => void;
  #scheduled: Scheduled | undefined;
  #isClosed = false;
  also: () => void = () => undefined;

  constructor(clock: Clock, report: () => void) {
    this.#clock = clock;
    this.#report = report;
  }

  run(): void {
    if (this.#isClosed) return;
    this.#scheduled ??= this.#clock.schedule(0, this.#report);
  }

  close(): void {
    this.#isClosed = true;
    this.#scheduled?.cancel();
    this.also();
  }
}

function askByTcp(
  socket: Socket,
  query: Uint8Array,
  onAnswer: (bytes: Uint8Array) => void,
  onFailure: () => void,
): void {
  const length = Uint8Array.of(query.length >> 8, query.length & 0xff);
  let received = Buffer.alloc(0);
  socket.on('error', onFailure);
  socket.on('close', onFailure);
  socket.on('data', (bytes) => {
    received = Buffer.concat([received, bytes]);
    if (received.length < LENGTH_SIZE) return;
    const size = received.readUInt16BE(0);
    if (size > LARGEST_MESSAGE) onFailure();
    else if (received.length >= LENGTH_SIZE + size)
      onAnswer(received.subarray(LENGTH_SIZE, LENGTH_SIZE + size));
  });
  socket.write(Buffer.concat([length, query]));
}
