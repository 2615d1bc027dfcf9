import { Command } from 'commander';
import { describeConfig } from '../../src/config/describe.js';
import { hasPrivateKey, zeroConfig } from '../../src/config/model.js';
import { publicKeyOf } from '../../src/index.js';
import { loadConfig } from '../load.js';
import { note, print } from '../output.js';
import { resolveTarget } from '../target.js';

export const checkCommand: Command = new Command('check')
  .summary('check a configuration file')
  .description('Reads a configuration file and explains what it would do. Changes nothing.')
  .argument('<FILE|NAME>', 'a .conf file; NAME alone means /etc/wireguard/NAME.conf')
  .addHelpText('after', '\nExample:\n  wg-ts check office.conf')
  .action(async (fileOrName: string) => {
    const { file, name } = resolveTarget(fileOrName);
    const { config, warnings } = await loadConfig(file);
    try {
      const { interface: own } = config;
      const publicKey = hasPrivateKey(own) && publicKeyOf(own.privateKey);
      print(describeConfig(config, { name, ...(publicKey && { publicKey }) }));
    } finally {
      zeroConfig(config);
    }
    for (const warning of warnings) note(`warning: ${warning}`);
  });
