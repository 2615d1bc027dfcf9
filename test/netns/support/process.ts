import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

export interface RunOptions {
  /** The whole process group is killed then; two minutes when left out. */
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunResult {
  /** -1 when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/** Runs a program to its end, whatever its exit code. Throws when it cannot be started. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const running = new Running(argv, options.env);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    running.signal('SIGKILL');
  }, options.timeoutMs ?? 120_000);
  try {
    const code = await running.exited;
    await running.drained();
    return { code, stdout: running.stdout, stderr: running.stderr, timedOut };
  } finally {
    clearTimeout(timer);
  }
}

/** Like `run`, for what has to succeed. Throws with the program's own words. Returns stdout. */
export async function mustRun(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await run(argv, options);
  if (result.code !== 0) {
    const why = result.timedOut ? 'took too long' : `ended with ${result.code}`;
    throw new Error(`${argv.join(' ')} ${why}: ${result.stderr}${result.stdout}`);
  }
  return result.stdout;
}

/** A process that runs beside the test, in a process group of its own. */
export class Running {
  readonly child: ChildProcess;
  readonly argv: readonly string[];
  /** The exit code, -1 for a signal. */
  readonly exited: Promise<number>;
  stdout = '';
  stderr = '';
  #ended = false;
  readonly #closed: Promise<unknown>;

  constructor(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const [file = '', ...args] = argv;
    this.argv = argv;
    this.child = spawn(file, args, {
      detached: true,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.#closed = once(this.child, 'close').catch(() => undefined);
    this.exited = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('exit', (code) => {
        this.#ended = true;
        resolve(code ?? -1);
      });
    });
    this.exited.catch(() => {});
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`${this.argv.join(' ')} did not start`);
    return this.child.pid;
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  /** What a background child of the program still holds open is not waited for long. */
  async drained(): Promise<void> {
    await Promise.race([this.#closed, sleep(200)]);
    this.child.stdout?.destroy();
    this.child.stderr?.destroy();
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#ended || this.child.pid === undefined) return;
    try {
      process.kill(-this.child.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  /** Waits until stdout or stderr matches. Throws when the process ends or time runs out first. */
  async says(pattern: RegExp, timeoutMs = 40_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!pattern.test(this.stdout) && !pattern.test(this.stderr)) {
      if (this.#ended || Date.now() > deadline)
        throw new Error(
          `${this.argv.join(' ')} never said ${pattern}: ${this.stderr}${this.stdout}`,
        );
      await sleep(20);
    }
  }

  /** Asks with `signal`, insists with SIGKILL after twelve seconds. Returns the exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    this.signal(signal);
    const insist = setTimeout(() => this.signal('SIGKILL'), 12_000);
    try {
      const code = await this.exited;
      await this.drained();
      return code;
    } finally {
      clearTimeout(insist);
    }
  }
}
