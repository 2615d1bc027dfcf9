/** Runs the lines of PreUp, PostUp, PreDown and PostDown in a shell. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Command } from './commands.js';
import { toError, WgTsError } from './errors.js';
import { systemFolder } from './windows/libraries.js';

/** As in wg-quick(8), a line fails when one of its commands does. */
const SHELL: readonly string[] = existsSync('/bin/bash')
  ? ['/bin/bash', '-O', 'extglob', '-e', '-o', 'pipefail', '-c']
  : ['/bin/sh', '-e', '-c'];
/** No AutoRun of the registry; the line unchanged, except for the quotes around it. */
const CMD_OPTIONS: readonly string[] = ['/d', '/s', '/c'];

/** Environment variable of each line: the PID of the process that started it, which may die first. */
export const HOOK_OF: string = 'WG_TS_HOOK_OF';

/** Returns whether this is the shell of a hook, and not a program that a hook has left running. */
export function isHookShell(argv: readonly string[]): boolean {
  return SHELL.every((part, index) => argv[index] === part);
}

/** Returns the command of a PreUp, PostUp, PreDown or PostDown line; `%i` stands for the interface. */
export function hookCommand(
  hook: string,
  interfaceName: string,
  platform: NodeJS.Platform = process.platform,
): string[] {
  const line = hook.replaceAll('%i', interfaceName);
  if (platform !== 'win32') return [...SHELL, line];
  return [`${systemFolder()}\\cmd.exe`, ...CMD_OPTIONS, `"${line}"`];
}

/** Recognizes a hook on Windows only, where cmd.exe takes its line unquoted, unlike other programs. */
export function isHookCommand({ argv }: Command): boolean {
  return argv.slice(1, -1).join(' ') === CMD_OPTIONS.join(' ');
}

/** Runs a hook of the undo on behalf of a process that is gone. A failure is only reported. */
export async function runHookCommand(
  { argv }: Command,
  onError: (error: Error) => void,
): Promise<void> {
  try {
    const status = await runShell([...argv], undefined);
    if (status !== 0)
      onError(new WgTsError('ERR_HOOK', `a command failed (${status}): ${argv.at(-1)}`));
  } catch (error) {
    onError(toError(error));
  }
}

/** Resolves to the exit code, or the name of the signal that ended the shell. */
export function runShell(
  [shell = '', ...args]: string[],
  signal: AbortSignal | undefined,
): Promise<number | string> {
  const isWindows = process.platform === 'win32';
  return new Promise((resolve, reject) => {
    const child = spawn(shell, args, {
      // As in wg-quick(8): what programs print must not depend on the locale of the user.
      ...(!isWindows && { env: { ...process.env, LC_ALL: 'C', [HOOK_OF]: String(process.pid) } }),
      stdio: ['ignore', 'inherit', 'inherit'],
      // A hook that can be aborted gets the terminal's Ctrl-C too; one of the undo must not. On Windows a
      // detached process would have no console, and open a window for each program it runs.
      detached: signal === undefined && !isWindows,
      windowsHide: true,
      windowsVerbatimArguments: isWindows,
      ...(signal && { signal }),
    });
    child.once('error', (error) => {
      if (!signal?.aborted) reject(error);
    });
    child.once('exit', (code, name) => resolve(code ?? name ?? 'ended'));
  });
}
