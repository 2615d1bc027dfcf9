/** What the tests of the shell share: a virtual clock, a trace, and doubles of the system. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InterfaceSettings, NetConfig, NetPlan, NetStep } from '../../network/netconfig.js';
import type { Millis } from '../../protocol/dataplane.js';
import { parseConfig } from '../../src/config/parse.js';
import {
  type Config,
  encodeKey,
  generatePrivateKey,
  type Logger,
  MemoryTun,
  publicKeyOf,
} from '../../src/index.js';
import type { Clock } from '../../system/clock.js';
import type { Command } from '../../system/commands.js';

export const LOOPBACK = { ipv4Address: '127.0.0.1', ipv6: false } as const;

/** Time passes only by `advance`; what is scheduled for at once runs by itself. */
export class VirtualClock implements Clock {
  /** Every delay that was asked for. */
  readonly delays: Millis[] = [];
  #now: Millis = 5_000_000;
  readonly #timers = new Set<{ at: Millis; wake: () => void }>();

  readonly now = (): Millis => this.#now;

  readonly wallNanos = (): bigint => 1_750_000_000_000_000_000n + BigInt(this.#now) * 1_000_000n;

  schedule(delay: Millis, wake: () => void): { cancel(): void } {
    this.delays.push(delay);
    if (delay <= 0) {
      const immediate = setImmediate(wake);
      return { cancel: () => clearImmediate(immediate) };
    }
    const timer = { at: this.#now + delay, wake };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /** How many calls are still to come. */
  get waiting(): number {
    return this.#timers.size;
  }

  advance(duration: Millis): void {
    const end = this.#now + duration;
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.wake();
    }
    this.#now = end;
  }

  /** The machine sleeps: time goes on, timers stand still. */
  sleep(duration: Millis): void {
    this.#now += duration;
    for (const timer of this.#timers) timer.at += duration;
  }

  #next(end: Millis): { at: Millis; wake: () => void } | undefined {
    const due = [...this.#timers].filter(({ at }) => at <= end);
    return due.sort((a, b) => a.at - b.at)[0];
  }
}

/** Past what is scheduled for at once. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Keeps what is logged, as `level: message`. */
export class MemoryLogger implements Logger {
  readonly lines: string[] = [];
  debug = (message: string): void => this.#keep('debug', message);
  info = (message: string): void => this.#keep('info', message);
  warn = (message: string): void => this.#keep('warn', message);
  error = (message: string): void => this.#keep('error', message);

  #keep(level: string, message: string): void {
    this.lines.push(`${level}: ${message}`);
  }
}

export interface Keys {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** Both in base64. */
export function newKeys(): Keys {
  const secret = generatePrivateKey();
  return { privateKey: encodeKey(secret.expose()), publicKey: encodeKey(publicKeyOf(secret)) };
}

/** A configuration from the lines of its sections; `[Interface]` has the private key already. */
export function configOf(
  privateKey: string,
  interfaceLines: readonly string[],
  ...peers: readonly (readonly string[])[]
): Config {
  const sections = [['[Interface]', `PrivateKey = ${privateKey}`, ...interfaceLines]];
  for (const peer of peers) sections.push(['[Peer]', ...peer]);
  return parseConfig(sections.map((lines) => `${lines.join('\n')}\n`).join('\n')).config;
}

/** What happened, in order: a file, so that hooks can write into it too. */
export class Trace {
  readonly #folder = mkdtempSync(join(tmpdir(), 'wg-ts-test-'));
  readonly file: string = join(this.#folder, 'trace');

  constructor() {
    writeFileSync(this.file, '');
  }

  note(line: string): void {
    appendFileSync(this.file, `${line}\n`);
  }

  /** A hook that notes `line`. */
  hook(line: string): string {
    return `echo '${line}' >> ${this.file}`;
  }

  get lines(): string[] {
    return readFileSync(this.file, 'utf8').split('\n').slice(0, -1);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }
}

/** Notes when it is made and closed. */
export class TracedTun extends MemoryTun {
  readonly #trace: Trace;

  constructor(name: string, trace: Trace) {
    super({ name });
    this.#trace = trace;
    trace.note(`open ${name}`);
  }

  override close(): void {
    if (!this.closed) this.#trace.note(`close ${this.name}`);
    super.close();
  }
}

export interface FakeNetConfigOptions {
  /** How many steps a plan has; by default 5. Step 1 has nothing to undo, the others two commands. */
  readonly steps?: number;
  /** The step whose `apply` fails. */
  readonly failAt?: number;
  readonly warnings?: readonly string[];
  /** Called in the middle of each step. */
  readonly onApply?: (step: number) => void | Promise<void>;
  readonly mtu?: number;
}

export class FakeNetConfig implements NetConfig {
  readonly failure: Error = new Error('the system refuses');
  settings: InterfaceSettings | undefined;
  tablesAsked = 0;
  readonly #trace: Trace;
  readonly #options: FakeNetConfigOptions;

  constructor(trace: Trace, options: FakeNetConfigOptions = {}) {
    this.#trace = trace;
    this.#options = options;
  }

  async mtuTowards(): Promise<number | undefined> {
    return this.#options.mtu;
  }

  async freeTable(): Promise<number> {
    this.tablesAsked++;
    return 51_877;
  }

  async plan(settings: InterfaceSettings): Promise<NetPlan> {
    this.settings = settings;
    const { steps = 5, warnings = [] } = this.#options;
    return { steps: Array.from({ length: steps }, (_, i) => this.#step(i)), warnings };
  }

  async undo(commands: readonly Command[], _onError: (error: Error) => void): Promise<void> {
    for (const { argv } of commands.toReversed()) {
      await nextTurn();
      this.#trace.note(argv.join(' '));
    }
  }

  #step(i: number): NetStep {
    return {
      describe: `step ${i}`,
      undo: i === 1 ? [] : [{ argv: ['undo', `${i}a`] }, { argv: ['undo', `${i}b`] }],
      apply: async () => {
        this.#trace.note(`apply ${i}`);
        await this.#options.onApply?.(i);
        if (i === this.#options.failAt) throw this.failure;
      },
    };
  }
}
