/** The command line that Windows starts for a service. */
import { type ServiceSettings, serviceArguments } from '../../upoptions.js';
import type { Program } from './program.js';

export function commandLineOf(
  { node, nodeOptions = [], script }: Program,
  name: string,
  settings: ServiceSettings,
): string {
  return [node, ...nodeOptions, script, 'service', 'run', ...serviceArguments(settings), '--', name]
    .map(quote)
    .join(' ');
}

/** For CommandLineToArgvW. Paths are always quoted, so that no part of one is mistaken for a program. */
function quote(argument: string): string {
  if (/^[\w-]+$/.test(argument)) return argument;
  const escaped = argument.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, '$1$1');
  return `"${escaped}"`;
}
