import { fstatSync } from 'node:fs';
import { Command } from 'commander';
import { encodeKey, generatePrivateKey, type Secret } from '../../src/index.js';
import { note, print } from '../output.js';

export const genkeyCommand: Command = new Command('genkey')
  .summary('make a private key')
  .description('Writes a new private key to stdout.')
  .addHelpText(
    'after',
    `
Example:
  (umask 077; wg-ts genkey > private.key)
  wg-ts pubkey < private.key`,
  )
  .action(() => printKey(generatePrivateKey()));

const STDOUT = 1;
const WORLD_BITS = 0o007;

/** Prints `key` in base64 and zeroes it. */
export function printKey(key: Secret): void {
  // On Windows access control lists decide, and Node invents these bits.
  const mode = process.platform === 'win32' ? 0 : fstatSync(STDOUT).mode;
  if ((mode & 0o170000) === 0o100000 && (mode & WORLD_BITS) !== 0)
    note('warning: writing to a file that everyone can read: set umask 077 and try again');
  print(`${encodeKey(key.expose())}\n`);
  key.zero();
}
