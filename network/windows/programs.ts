import { execFile } from 'node:child_process';
import { win32 } from 'node:path';
import type { Command } from '../../system/commands.js';
import { firstLine } from '../../system/text.js';
import { systemFolder } from '../../system/windows/libraries.js';
import { NetConfigError } from '../errors.js';

const TIMEOUT_MS = 20_000;

/** Runs a program without a window. Throws NetConfigError with the first line of its output. */
export type ProgramRunner = (command: Command) => Promise<void>;

export function netsh(...args: string[]): Command {
  return { argv: [win32.join(systemFolder(), 'netsh.exe'), ...args] };
}

export function commandText({ argv }: Command): string {
  return argv.map((part) => (/^[\w%+=:,./\\~!{}-]+$/.test(part) ? part : `"${part}"`)).join(' ');
}

export function runProgram(command: Command): Promise<void> {
  const [program = '', ...args] = command.argv;
  const options = { timeout: TIMEOUT_MS, windowsHide: true };
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (!error) return resolve();
      // netsh prints errors to its standard output.
      const said = firstLine(stderr) ?? firstLine(stdout) ?? reasonOf(error, child.killed);
      reject(new NetConfigError('ERR_NETCONFIG', commandText(command), said, { cause: error }));
    });
    // A program that ends without reading its input is judged by its exit status.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(command.stdin ?? '');
  });
}

function reasonOf(error: Error & { code?: unknown }, killed: boolean): string {
  if (killed) return `no answer within ${TIMEOUT_MS / 1000} s`;
  if (error.code === 'ENOENT') return 'there is no such program';
  return `failed with status ${String(error.code)}`;
}
