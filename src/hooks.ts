import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { WgTsError } from './errors.js';

/** As in wg-quick(8), a line fails when one of its commands does. */
const SHELL: readonly string[] = existsSync('/bin/bash')
  ? ['/bin/bash', '-e', '-o', 'pipefail', '-c']
  : ['/bin/sh', '-e', '-c'];

export interface HookOptions {
  /** Told each line before it runs. */
  readonly onStep?: (line: string) => void;
  /** Ends the line that runs, and the ones after it. */
  readonly signal?: AbortSignal;
}

/** What a PreUp, PostUp, PreDown or PostDown line runs: `%i` stands for the interface. */
export function hookCommand(hook: string, interfaceName: string): string[] {
  return [...SHELL, hook.replaceAll('%i', interfaceName)];
}

/**
 * Runs the lines one after the other. Throws WgTsError ERR_HOOK for the first that fails, and the
 * signal's reason.
 */
export async function runHooks(
  key: string,
  hooks: readonly string[],
  interfaceName: string,
  { onStep, signal }: HookOptions = {},
): Promise<void> {
  for (const hook of hooks) {
    signal?.throwIfAborted();
    onStep?.(hook.replaceAll('%i', interfaceName));
    const status = await run(hookCommand(hook, interfaceName), signal);
    signal?.throwIfAborted();
    if (status !== 0)
      throw new WgTsError('ERR_HOOK', `a ${key} command failed (${status}): ${hook}`, {
        hint: `run it by hand to see why, or take it out of the configuration`,
      });
  }
}

/** The exit code, or the name of the signal that ended it. */
function run(
  [shell = '', ...args]: string[],
  signal: AbortSignal | undefined,
): Promise<number | string> {
  return new Promise((resolve, reject) => {
    const child = spawn(shell, args, {
      stdio: ['ignore', 'inherit', 'inherit'],
      // A hook that can be given up gets the terminal's Ctrl-C too; one of the undo must not.
      detached: signal === undefined,
      ...(signal && { signal }),
    });
    child.once('error', (error) => {
      if (!signal?.aborted) reject(error);
    });
    child.once('exit', (code, name) => resolve(code ?? name ?? 'ended'));
  });
}
