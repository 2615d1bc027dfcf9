import { createColors } from 'picocolors';

export type Colors = ReturnType<typeof createColors>;

/** A reader that has closed its end, as in `wg-ts show | head -1`, is not an error. */
export function ignoreClosedPipes(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
    throw error;
  });
  process.stderr.on('error', () => undefined);
}

/** Respects wg(8)'s WG_COLOR_MODE, NO_COLOR, and whether stdout is a terminal. */
export function stdoutColors(env: NodeJS.ProcessEnv = process.env): Colors {
  const mode = env['WG_COLOR_MODE'];
  if (mode === 'always') return createColors(true);
  if (mode === 'never' || env['NO_COLOR']) return createColors(false);
  return createColors(process.stdout.isTTY === true);
}

/** Writes one line to stderr: for the user, not part of the result. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

export function print(text: string): void {
  process.stdout.write(text);
}
