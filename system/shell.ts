/** Lines that a shell runs: of PreUp, PostUp, PreDown and PostDown. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Command } from './commands.js';
import { toError, WgTsError } from './errors.js';
import { systemFolder } from './windows/libraries.js';

/** As in wg-quick(8), a line fails when one of its commands does. */
const SHELL: readonly string[] = existsSync('/bin/bash')
  ? ['/bin/bash', '-O', 'extglob', '-e', '-o', 'pipefail', '-c']
  : ['/bin/sh', '-e', '-c'];
/** Without AutoRun of the registry; the line as it is, but for the quotes around all of it. */
const CMD_OPTIONS: readonly string[] = ['/d', '/s', '/c'];

/** In the environment of each line: the process that started it, which may be killed before it. */
export const HOOK_OF: string = 'WG_TS_HOOK_OF';

/** And not a program that a line has left running. */
export function isHookShell(argv: readonly string[]): boolean {
  return SHELL.every((part, index) => argv[index] === part);
}

/** What a PreUp, PostUp, PreDown or PostDown line runs: `%i` stands for the interface. */
export function hookCommand(
  hook: string,
  interfaceName: string,
  platform: NodeJS.Platform = process.platform,
): string[] {
  const line = hook.replaceAll('%i', interfaceName);
  if (platform !== 'win32') return [...SHELL, line];
  return [`${systemFolder()}\\cmd.exe`, ...CMD_OPTIONS, `"${line}"`];
}

/** Of Windows alone: cmd.exe takes its line as it is, which other programs' arguments are not. */
export function isHookCommand({ argv }: Command): boolean {
  return argv.slice(1, -1).join(' ') === CMD_OPTIONS.join(' ');
}

/** One of the undo, for a process that is gone. A failure is told, and no more. */
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

/** The exit code, or the name of the signal that ended it. */
export function runShell(
  [shell = '', ...args]: string[],
  signal: AbortSignal | undefined,
): Promise<number | string> {
  const isWindows = process.platform === 'win32';
  return new Promise((resolve, reject) => {
    const child = spawn(shell, args, {
      // As from wg-quick(8): what programs print must not depend on who typed the command.
      ...(!isWindows && { env: { ...process.env, LC_ALL: 'C', [HOOK_OF]: String(process.pid) } }),
      stdio: ['ignore', 'inherit', 'inherit'],
      // A hook that can be given up gets the terminal's Ctrl-C too; one of the undo must not. On
      // Windows a process apart would have no console, and open a window for each program it runs.
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
