import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

const PATIENCE_MS = 60_000;

/** Runs Node.js with `args` to its end. Its output goes to a file, as Wine needs it. */
export async function runNode(
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: NodeJS.ProcessEnv;
    /** A file. */
    readonly stdin?: string;
  } = {},
): Promise<Ended> {
  const folder = mkdtempSync(join(tmpdir(), 'child-'));
  const file = join(folder, 'output.txt');
  const fd = openSync(file, 'w');
  const stdin = options.stdin === undefined ? undefined : openSync(options.stdin, 'r');
  try {
    const child = spawn(process.execPath, args, {
      stdio: [stdin ?? 'ignore', fd, fd],
      timeout: PATIENCE_MS,
      ...(options.cwd !== undefined && { cwd: options.cwd }),
      env: { ...process.env, ...options.env },
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', resolve);
    });
    return { code, output: readFileSync(file, 'utf8') };
  } finally {
    closeSync(fd);
    if (stdin !== undefined) closeSync(stdin);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs a script that stands in a file of the sources' folder, so that its imports are found. */
export async function runScript(
  text: string,
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Ended> {
  const folder = mkdtempSync(join(tmpdir(), 'script-'));
  const file = join(folder, 'script.mjs');
  try {
    writeFileSync(file, text);
    return await runNode([file], options);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
