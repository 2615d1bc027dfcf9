import type { Command } from 'commander';
import { applyFile, FILE_HELP, FILE_USAGE } from '../wg/fileverb.js';
import { wgVerb } from '../wg/verb.js';

export const syncconfCommand: Command = wgVerb({
  verb: 'syncconf',
  usage: FILE_USAGE,
  summary: 'bring a running interface in line with a file',
  description:
    'Brings a running interface in line with a file, as setconf does, but changes only what differs: peers that stay the same keep their sessions.',
  help: `${FILE_HELP}
Example:
  wg-ts strip office.conf | sudo wg-ts syncconf office -`,
  count: [2, 2],
  run: ([name = '', file = '']) => applyFile('syncconf', name, file),
});
