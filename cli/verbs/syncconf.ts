import type { Command } from 'commander';
import { applyFile, FILE_HELP, FILE_USAGE } from '../wg/fileverb.js';
import { wgVerb } from '../wg/verb.js';

export const syncconfCommand: Command = wgVerb({
  verb: 'syncconf',
  usage: FILE_USAGE,
  summary: 'bring a running interface up to a changed file',
  description:
    'Makes a running interface what a file says, as setconf does, but touches only what differs: other peers keep their sessions.',
  help: `${FILE_HELP}
Example:
  wg-ts strip office.conf | sudo wg-ts syncconf office -`,
  count: [2, 2],
  run: ([name = '', file = '']) => applyFile('syncconf', name, file),
});
