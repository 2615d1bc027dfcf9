/** UDP by way of the system, and what of it comes back. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Place {
  readonly address: string;
  readonly port: number;
}

const PATIENCE_MS = 5000;
const RETRY_MS = 100;
const PINGS = 20;
const FLOOD_MS = 1500;
const BURST = 32;
/** After which a burst that has not come back whole is given up. */
const BURST_PATIENCE_MS = 50;

/** A socket of the system's, bound to an address of the tunnel's interface. */
export class Prober {
  readonly #socket: Socket;
  readonly #to: Place;
  #onAnswer: (message: Buffer) => void = () => undefined;

  private constructor(socket: Socket, to: Place) {
    this.#socket = socket;
    this.#to = to;
    socket.on('message', (message) => this.#onAnswer(message));
    // A refused datagram is one that does not come back.
    socket.on('error', () => undefined);
  }

  /** IPv6 addresses can be unusable for a moment after they were set. */
  static async open(from: string, to: Place, signal: AbortSignal): Promise<Prober> {
    const endsAt = performance.now() + PATIENCE_MS;
    for (;;) {
      const socket = createSocket(from.includes(':') ? 'udp6' : 'udp4');
      try {
        socket.bind({ address: from, port: 0 });
        await once(socket, 'listening', { signal });
        return new Prober(socket, to);
      } catch (error) {
        socket.close();
        if (signal.aborted || performance.now() > endsAt) throw error;
        await sleep(RETRY_MS, undefined, { signal });
      }
    }
  }

  /** Milliseconds until the first one came back, and the median of the others. */
  async ping(signal: AbortSignal): Promise<{ readonly first: number; readonly median: number }> {
    const times: number[] = [];
    const startedAt = performance.now();
    while (times.length <= PINGS) {
      const time = await this.#roundTrip(signal);
      if (time !== undefined) times.push(times.length === 0 ? performance.now() - startedAt : time);
      else if (performance.now() - startedAt > PATIENCE_MS)
        throw new Error(`no answer from ${this.#to.address} through the tunnel`);
    }
    const [first = 0, ...others] = times;
    return { first, median: others.sort((a, b) => a - b)[PINGS >> 1] ?? 0 };
  }

  /** Mbit/s each way of datagrams with `size` bytes, and the part of them that came back. */
  async flood(
    size: number,
    signal: AbortSignal,
  ): Promise<{ readonly megabits: number; readonly returned: number }> {
    const datagram = Buffer.alloc(size, 0x5a);
    let [sent, answers] = [0, 0];
    let onWhole = (): void => undefined;
    this.#onAnswer = (message) => {
      if (message.length === size && ++answers % BURST === 0) onWhole();
    };
    const startedAt = performance.now();
    while (performance.now() - startedAt < FLOOD_MS) {
      signal.throwIfAborted();
      const whole = new Promise<void>((resolve) => {
        onWhole = resolve;
      });
      for (let i = 0; i < BURST; i++, sent++) this.#send(datagram);
      await Promise.race([whole, sleep(BURST_PATIENCE_MS)]);
    }
    const seconds = (performance.now() - startedAt) / 1000;
    return { megabits: (answers * size * 8) / seconds / 1e6, returned: answers / sent };
  }

  close(): void {
    this.#socket.close();
  }

  async #roundTrip(signal: AbortSignal): Promise<number | undefined> {
    const id = Buffer.from(`ping ${performance.now()}`);
    const sentAt = performance.now();
    const answered = new Promise<number>((resolve) => {
      this.#onAnswer = (message) => {
        if (message.equals(id)) resolve(performance.now() - sentAt);
      };
    });
    this.#send(id);
    const end = new AbortController();
    try {
      const late = sleep(RETRY_MS, undefined, { signal: AbortSignal.any([signal, end.signal]) });
      return await Promise.race([answered, late]);
    } finally {
      end.abort();
    }
  }

  #send(datagram: Uint8Array): void {
    this.#socket.send(datagram, this.#to.port, this.#to.address);
  }
}
