import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

/** A variable: the folder that everybody can read instead, if there has to be one. */
export const READABLE_COPY = 'WG_TS_READABLE_COPY';

/** The command-line tool as `npm run build` leaves it. */
export const CLI: string = path.join(ROOT, 'dist/cli/main.js');

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** As an unprivileged user, when the test has the right to become one. */
  readonly asNobody?: boolean;
  /** It is killed then, and the code is null. */
  readonly timeoutMs?: number;
}

export const NOBODY = 65_534;

export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/** Runs the built tool to its end, whatever its exit code. */
export function wgTs(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return runProgram(process.execPath, [CLI, ...args], options);
}

export function runProgram(
  program: string,
  args: readonly string[],
  { stdin = '', env = {}, asNobody = false, timeoutMs }: RunOptions = {},
): Promise<Outcome> {
  const becomesNobody = asNobody && isRoot();
  const copy = becomesNobody ? process.env[READABLE_COPY] : undefined;
  const [file = '', ...words] = [program, ...args].map((word) => inCopy(word, copy));
  return new Promise((resolve, reject) => {
    const child = spawn(file, words, {
      env: { ...process.env, NO_COLOR: '1', WG_TS_DEBUG: '', ...env },
      ...(becomesNobody && { uid: NOBODY, gid: NOBODY }),
      ...(copy !== undefined && { cwd: copy }),
      ...(timeoutMs !== undefined && { timeout: timeoutMs, killSignal: 'SIGKILL' as const }),
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin);
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** What the copy has of the checkout, and of Node.js, is taken from there. */
function inCopy(word: string, copy: string | undefined): string {
  if (copy === undefined) return word;
  const node = path.join(copy, 'node');
  if (word === process.execPath) return existsSync(node) ? node : word;
  return word.startsWith(ROOT) ? path.join(copy, word.slice(ROOT.length)) : word;
}
