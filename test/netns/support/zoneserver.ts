import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Lab, Namespace } from './lab.js';
import type { Running } from './process.js';

const SCRIPT = fileURLToPath(new URL('zoneserver.mjs', import.meta.url));

export interface Zone {
  readonly names: Readonly<Record<string, readonly string[]>>;
  /** Nobody is told anything. */
  readonly refuses?: boolean;
  /** What is sent over UDP is cut off. */
  readonly truncates?: boolean;
  /** Before each answer come others that are no answers to the query, with this address. */
  readonly forged?: string;
}

/** A running name server. */
export class NameServer {
  readonly #file: string;
  readonly #process: Running;

  private constructor(file: string, process: Running) {
    this.#file = file;
    this.#process = process;
  }

  /** `address` is one of the namespace's own. */
  static async start(
    lab: Lab,
    namespace: Namespace,
    address: string,
    zone: Zone,
  ): Promise<NameServer> {
    const file = join(lab.folder, `${namespace.name}-zone.json`);
    writeFileSync(file, JSON.stringify(zone));
    const running = namespace.spawn([process.execPath, SCRIPT, address, file]);
    await running.says(/answering/);
    return new NameServer(file, running);
  }

  /** From the next query on. */
  set(zone: Zone): void {
    writeFileSync(this.#file, JSON.stringify(zone));
  }

  /** Each query so far: `udp vpn.example.com A`. */
  queries(): string[] {
    return this.#process.stdout.split('\n').filter((line) => /^(udp|tcp) /.test(line));
  }
}
