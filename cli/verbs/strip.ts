import { Command } from 'commander';
import { print } from '../output.js';
import { resolveTarget } from '../target.js';

export const stripCommand: Command = new Command('strip')
  .summary('print the part of a configuration file that wg(8) accepts')
  .description(
    'Prints a configuration file without the keys that wg(8) does not know, as wg-quick strip does. The output contains the private key.',
  )
  .argument('<FILE|NAME>', 'a .conf file; NAME alone means /etc/wireguard/NAME.conf')
  .addHelpText('after', '\nExample:\n  sudo wg syncconf office <(sudo wg-ts strip office)')
  .action(async (fileOrName: string) => {
    const { file } = resolveTarget(fileOrName);
    const [{ readConfigText }, { stripConfig }] = await Promise.all([
      import('../load.js'),
      import('../../src/config/strip.js'),
    ]);
    print(stripConfig((await readConfigText(file)).text, file));
  });
