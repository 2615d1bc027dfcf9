import { Command } from 'commander';
import { stopInstalled } from '../installed.js';
import { note } from '../output.js';
import { stopTunnel } from '../runtime/stop.js';
import { requireRoot, resolveTarget } from '../target.js';

export const downCommand: Command = new Command('down')
  .summary('take a tunnel down')
  .description(
    'Takes down a tunnel that wg-ts brought up, and undoes all it did; also after it was killed.',
  )
  .argument('<FILE|NAME>', 'as given to up; the file need not be there any more')
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

/** A hook is shown as it stands in the file. */
export function commandLine(argv: readonly string[]): string {
  const line = argv.at(-1);
  if (line === undefined) return '';
  if (argv.at(-2) === '/c') return line.replace(/^"(.*)"$/s, '$1');
  return argv.at(-2) === '-c' ? line : argv.join(' ');
}
