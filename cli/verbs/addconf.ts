import type { Command } from 'commander';
import { applyFile, FILE_HELP, FILE_USAGE } from '../wg/fileverb.js';
import { wgVerb } from '../wg/verb.js';

export const addconfCommand: Command = wgVerb({
  verb: 'addconf',
  usage: FILE_USAGE,
  summary: 'add the configuration in a file to a running interface',
  description: 'Adds the settings and peers in a file to the configuration of a running interface.',
  help: `${FILE_HELP}
Example:
  sudo wg-ts addconf office more-peers.conf`,
  count: [2, 2],
  run: ([name = '', file = '']) => applyFile('addconf', name, file),
});
