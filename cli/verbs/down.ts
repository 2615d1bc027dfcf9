import { Command } from 'commander';
import { stopInstalled } from '../installed.js';
import { note } from '../output.js';
import { stopTunnel } from '../runtime/stop.js';
import { requireRoot, resolveTarget } from '../target.js';

export const downCommand: Command = new Command('down')
  .summary('take a tunnel down')
  .description(
    'Takes down a tunnel that wg-ts brought up and undoes everything it did, even if it was killed.',
  )
  .argument('<FILE|NAME>', 'as given to up; the file need not exist any more')
  .addHelpText('after', '\nExample:\n  sudo wg-ts down office')
  .action(async (fileOrName: string) => {
    const { name } = resolveTarget(fileOrName);
    requireRoot('down', `down ${fileOrName}`);
    if (await stopInstalled(name)) {
      note(`[#] stop the service of ${name}`);
      return;
    }
    const undone = await stopTunnel(name, {
      onNote: (message) => note(`warning: ${message}`),
      onError: (error) => note(`warning: cannot undo: ${error.message}`),
    });
    for (const { argv } of undone) note(`[#] ${commandLine(argv)}`);
    note(
      process.platform === 'win32'
        ? `[#] close the adapter ${name}`
        : `[#] ip link delete dev ${name}`,
    );
  });

/** Formats a step for the terminal. A hook is shown as the file has it, without the shell that runs it. */
export function commandLine(argv: readonly string[]): string {
  const line = argv.at(-1);
  if (line === undefined) return '';
  if (argv.at(-2) === '/c') return line.replace(/^"(.*)"$/s, '$1');
  return argv.at(-2) === '-c' ? line : argv.join(' ');
}
