/** The Windows end, as the tests on Linux see it: a process under Wine, spoken to by lines of JSON. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { TunnelStatus } from '../../../src/index.js';
import type { FirewallState, NetworkState } from '../../windows/net/network-double.js';

export interface WineRun {
  readonly node: string;
  readonly env: NodeJS.ProcessEnv;
}

export interface HostSettings {
  /** The text of a .conf file. */
  readonly config: string;
  readonly name: string;
  readonly dataPlane: 'native' | 'portable';
  /** Of its clock. */
  readonly speed: number;
  /** Where what comes out of its interface is sent on 127.0.0.1. */
  readonly farPort: number;
}

/** What crosses the connection; bigints as text. */
export interface HostStatus extends Omit<TunnelStatus, 'peers'> {
  readonly peers: readonly {
    readonly endpoint?: string;
    readonly latestHandshake: string;
    readonly rxBytes: string;
    readonly txBytes: string;
  }[];
}

export interface HostNetwork {
  readonly network: NetworkState;
  readonly firewall: FirewallState;
}

export interface HostReady {
  /** Where a packet is sent that shall go into its interface. */
  readonly farPort: number;
  readonly listenPort: number;
}

const START_MS = 60_000;
const ANSWER_MS = 20_000;
const script = fileURLToPath(new URL('./host.ts', import.meta.url));

export class WindowsHost {
  readonly ready: HostReady;
  readonly #child: ChildProcess;
  readonly #output: string;
  readonly #socket: Socket;
  #answers = '';

  private constructor(child: ChildProcess, output: string, socket: Socket, ready: HostReady) {
    this.#child = child;
    this.#output = output;
    this.#socket = socket;
    this.ready = ready;
    socket.setEncoding('utf8').on('data', (text: string) => {
      this.#answers += text;
    });
  }

  /** Throws with what it printed when it does not come up. */
  static async start(wine: WineRun, folder: string, settings: HostSettings): Promise<WindowsHost> {
    const base = join(folder, `${settings.name}-${settings.dataPlane}`);
    writeFileSync(`${base}.json`, JSON.stringify(settings));
    rmSync(`${base}.ready`, { force: true });
    const output = `${base}.txt`;
    const fd = openSync(output, 'w');
    const onWindows = (path: string): string => `Z:${path.replaceAll('/', '\\')}`;
    const args = [script, `${base}.json`, `${base}.ready`].map(onWindows);
    const child = spawn('wine', [wine.node, ...args], {
      stdio: ['ignore', fd, fd],
      env: wine.env,
    });
    closeSync(fd);
    try {
      const { control, ...ready } = await untilReady(child, `${base}.ready`);
      const socket = connect(control, '127.0.0.1');
      await once(socket, 'connect');
      return new WindowsHost(child, output, socket, ready);
    } catch (error) {
      // Left alone it would begin another server of Wine's, when this one has ended.
      await killed(child);
      const printed = readFileSync(output, 'utf8');
      throw new Error(`the Windows end does not come up:\n${printed}`, { cause: error });
    }
  }

  async status(): Promise<HostStatus> {
    return (await this.#ask('status')) as HostStatus;
  }

  async network(): Promise<HostNetwork> {
    return (await this.#ask('network')) as HostNetwork;
  }

  /**
   * `unplug` takes the default route away and `plug` gives it back; `shrink` lessens the MTU of its
   * interface to 1400; `move` has it listen on another port.
   */
  async change(what: 'unplug' | 'plug' | 'shrink' | 'move'): Promise<void> {
    await this.#ask(what);
  }

  /** Takes the tunnel down; returns the exit code of the process, and what is left. */
  async down(): Promise<HostNetwork & { readonly code: number | null }> {
    const left = (await this.#ask('down')) as HostNetwork;
    if (this.#child.exitCode === null)
      await Promise.race([once(this.#child, 'exit'), sleep(ANSWER_MS)]);
    await this.close();
    return { ...left, code: this.#child.exitCode };
  }

  printed(): string {
    return readFileSync(this.#output, 'utf8');
  }

  async close(): Promise<void> {
    this.#socket.destroy();
    await killed(this.#child);
  }

  async #ask(what: string): Promise<unknown> {
    this.#answers = '';
    this.#socket.write(`${what}\n`);
    for (let waited = 0; !this.#answers.includes('\n'); waited += 10) {
      if (waited >= ANSWER_MS) throw new Error(`no answer to ${what}:\n${this.printed()}`);
      await sleep(10);
    }
    return JSON.parse(this.#answers);
  }
}

async function untilReady(
  child: ChildProcess,
  file: string,
): Promise<HostReady & { readonly control: number }> {
  for (let waited = 0; !existsSync(file); waited += 50) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    if (waited >= START_MS) throw new Error('it takes too long');
    await sleep(50);
  }
  return JSON.parse(readFileSync(file, 'utf8'));
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
