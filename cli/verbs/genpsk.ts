import { Command } from 'commander';
import { generatePresharedKey } from '../../src/index.js';
import { printKey } from './genkey.js';

export const genpskCommand: Command = new Command('genpsk')
  .summary('make a preshared key')
  .description('Writes a new preshared key to stdout, for PresharedKey on both sides.')
  .addHelpText('after', '\nExample:\n  (umask 077; wg-ts genpsk > preshared.key)')
  .action(() => printKey(generatePresharedKey()));
