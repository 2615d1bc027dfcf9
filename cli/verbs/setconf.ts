import type { Command } from 'commander';
import { applyFile, FILE_HELP, FILE_USAGE } from '../wg/fileverb.js';
import { wgVerb } from '../wg/verb.js';

export const setconfCommand: Command = wgVerb({
  verb: 'setconf',
  usage: FILE_USAGE,
  summary: 'replace the configuration of a running interface',
  description:
    'Replaces the configuration of a running interface with that in a file. All peers are replaced, so their sessions are lost.',
  help: `${FILE_HELP}
Example:
  wg-ts strip office.conf | sudo wg-ts setconf office -`,
  count: [2, 2],
  run: ([name = '', file = '']) => applyFile('setconf', name, file),
});
