import { Command } from 'commander';
import { versions } from '../../src/index.js';
import { print } from '../output.js';

export const versionCommand: Command = new Command('version')
  .summary('tell the version and what it runs on')
  .description('Tells the version, and which implementations of cryptography and data plane run.')
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
        `koffi: ${koffi ?? 'cannot be loaded here, so up does not work'}`,
        '',
      ].join('\n'),
    );
  });
