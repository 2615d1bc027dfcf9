import { Command } from 'commander';
import { versions } from '../../src/index.js';
import { print } from '../output.js';

export const versionCommand: Command = new Command('version')
  .summary('print the version and what it runs on')
  .description(
    'Prints the version, and which implementations of cryptography and data plane are in use.',
  )
  .addHelpText('after', '\nExample:\n  wg-ts version')
  .action(async () => {
    const { wgTs, node, crypto, dataPlane, whyPortable, koffi } = await versions();
    print(
      [
        `wg-ts ${wgTs}`,
        `node: ${node}`,
        `X25519: ${crypto.x25519}`,
        `ChaCha20-Poly1305: ${crypto.aead}`,
        `XChaCha20-Poly1305: ${crypto.xchacha20poly1305}`,
        `BLAKE2s: ${crypto.blake2s}`,
        `data plane: ${dataPlane}${whyPortable === undefined ? '' : ` (${whyPortable})`}`,
        `koffi: ${koffi ?? 'cannot be loaded on this system, so up does not work'}`,
        '',
      ].join('\n'),
    );
  });
