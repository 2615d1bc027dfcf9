import { cProgram } from './cprogram.js';
import type { Lab, Namespace } from './lab.js';
import type { Running } from './process.js';

/** In percent of the datagrams of each way. */
export interface Rates {
  readonly loss: number;
  /** Held back until up to eight others have passed. */
  readonly reorder: number;
  readonly double: number;
}

export interface RelayCounts {
  readonly received: number;
  readonly lost: number;
  readonly reordered: number;
  readonly doubled: number;
  /** What the system did not take. */
  readonly unsent: number;
}

interface Place {
  readonly address: string;
  readonly port: number;
}

/** A bad path: it stands where an endpoint is looked for, and passes on to `target`. */
export class Relay {
  readonly #process: Running;

  private constructor(process: Running) {
    this.#process = process;
  }

  /** What happens to which datagram follows from `seed` and their order. */
  static async start(
    lab: Lab,
    namespace: Namespace,
    at: Place,
    target: Place,
    rates: Rates,
    seed: number,
  ): Promise<Relay> {
    const numbers = [rates.loss, rates.reorder, rates.double, seed];
    const process = namespace.spawn([
      cProgram(lab, 'relay'),
      ...[at.address, String(at.port), target.address, String(target.port)],
      ...numbers.map(String),
    ]);
    await process.says(/ready/);
    return new Relay(process);
  }

  /** Ends it; returns what it did to packets to the target and from there. */
  async stop(): Promise<{ readonly there: RelayCounts; readonly back: RelayCounts }> {
    await this.#process.stop();
    const [line] = /^\{.*\}$/m.exec(this.#process.stdout) ?? [];
    if (line === undefined) throw new Error(`the relay told no counts: ${this.#process.stderr}`);
    return JSON.parse(line) as { there: RelayCounts; back: RelayCounts };
  }
}
