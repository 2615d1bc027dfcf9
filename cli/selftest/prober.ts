/** Sends UDP through a socket of the system, and measures what comes back. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Line } from '../pair/line.js';
import { Pinger } from '../pair/pinger.js';
import { flood } from '../pair/throughput.js';
import { becomesTrue } from '../until.js';

interface Destination {
  readonly address: string;
  readonly port: number;
}

const PATIENCE_MS = 5000;
const RETRY_MS = 100;
const PINGS = 20;
const PING_INTERVAL_MS = 5;
const FLOOD_MS = 1500;
/** Sockets on Windows hold hardly more. */
const WINDOW = 32;

/** A socket bound to an address of the tunnel's interface. */
export class Prober {
  readonly #socket: Socket;
  readonly #to: Destination;
  readonly #line: Line;

  private constructor(socket: Socket, to: Destination) {
    this.#socket = socket;
    this.#to = to;
    this.#line = {
      start: (onPackets) => {
        socket.removeAllListeners('message').on('message', (message) => onPackets([message]));
      },
      write: (datagram) => {
        // A copy, as the socket reads the buffer only later.
        socket.send(Buffer.from(datagram), to.port, to.address);
        return true;
      },
    };
    // A refused datagram counts as one that does not come back.
    socket.on('error', () => undefined);
  }

  /** Retries, as IPv6 addresses can be unusable for a moment after they are set. */
  static async open(from: string, to: Destination, signal: AbortSignal): Promise<Prober> {
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

  /** Resolves to the round-trip time of the first ping and the median of the others, in milliseconds. */
  async ping(signal: AbortSignal): Promise<{ readonly first: number; readonly median: number }> {
    const pinger = new Pinger(this.#line, isSame);
    const request = (sequence: number): Uint8Array => Buffer.from(`ping ${sequence}`);
    const timesOf = async (count: number, intervalMs: number): Promise<number[]> => {
      await pinger.during([request], intervalMs, signal, async () => {
        if (await becomesTrue(() => pinger.received >= count, { signal })) return;
        throw new Error(`no answer from ${this.#to.address} through the tunnel`);
      });
      return [...pinger.times];
    };
    // The handshake delays all datagrams that are sent before it completes.
    const [first = 0] = await timesOf(1, RETRY_MS);
    const others = await timesOf(PINGS, PING_INTERVAL_MS);
    return { first, median: others.sort((a, b) => a - b)[others.length >> 1] ?? 0 };
  }

  /** Resolves to Mbit/s in each direction with datagrams of `size` bytes, and the fraction that came back. */
  async flood(
    size: number,
    signal: AbortSignal,
  ): Promise<{ readonly megabits: number; readonly returned: number }> {
    const { megabits, packets, lost } = await flood([this.#line, this.#line], {
      packet: Buffer.alloc(size, 0x5a),
      numberAt: 0,
      window: WINDOW,
      milliseconds: FLOOD_MS,
      signal,
    });
    return { megabits, returned: packets / (packets + lost) };
  }

  close(): void {
    this.#socket.close();
  }
}

function isSame(request: Uint8Array, datagram: Uint8Array): boolean {
  return Buffer.compare(request, datagram) === 0;
}
