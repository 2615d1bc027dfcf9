import { readSync } from 'node:fs';
import { Command } from 'commander';
import { explainBadKey } from '../../src/config/key.js';
import { decodeKey, encodeKey, publicKeyOf, Secret } from '../../src/index.js';
import { WgTsError } from '../../system/errors.js';
import { print } from '../output.js';

export const pubkeyCommand: Command = new Command('pubkey')
  .summary('compute the public key of a private key')
  .description('Reads a private key from stdin and writes its public key to stdout.')
  .addHelpText('after', '\nExample:\n  wg-ts genkey | wg-ts pubkey')
  .action(() => {
    const text = readInput();
    const bytes = decodeKey(text);
    if (!bytes) throw new WgTsError('ERR_USAGE', `the key on stdin ${explainBadKey(text)}`);
    const privateKey = Secret.take(bytes);
    print(`${encodeKey(publicKeyOf(privateKey))}\n`);
    privateKey.zero();
  });

const STDIN = 0;
/** A key has 44 characters; longer input than this is not read to its end. */
const MAX_INPUT = 4096;

function readInput(): string {
  const buffer = new Uint8Array(MAX_INPUT);
  let length = 0;
  try {
    while (length < MAX_INPUT) {
      const count = readSync(STDIN, buffer, length, MAX_INPUT - length, null);
      if (count === 0) break;
      length += count;
    }
    return Buffer.from(buffer.buffer, 0, length).toString('latin1').trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new WgTsError('ERR_USAGE', `cannot read stdin (${code ?? 'unknown error'})`, {
      hint: 'give the private key on stdin: wg-ts pubkey < private.key',
    });
  } finally {
    buffer.fill(0);
  }
}
