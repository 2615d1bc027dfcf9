import type { Command } from 'commander';
import { print } from '../output.js';
import { wgVerb } from '../wg/verb.js';

export const showconfCommand: Command = wgVerb({
  verb: 'showconf',
  usage: '<INTERFACE>',
  summary: 'print the configuration of a running interface, with its keys',
  description:
    'Prints the configuration of a running interface as a file for setconf. It contains the private key and the preshared keys.',
  help: '\nExample:\n  (umask 077; sudo wg-ts showconf office > office.wg)',
  count: [1, 1],
  run: async ([name = '']) => {
    const [{ formatShowconf }, { readInterface }, { zeroSecrets }] = await Promise.all([
      import('../wg/showconf.js'),
      import('../wg/interfaces.js'),
      import('../../src/uapi/codec.js'),
    ]);
    const device = await readInterface(name);
    try {
      print(formatShowconf(device));
    } finally {
      zeroSecrets(device);
    }
  },
});
