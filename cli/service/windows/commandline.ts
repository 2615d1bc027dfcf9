/** What Windows starts for a service, as one line. */
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

/** As CommandLineToArgvW reads it; a path is quoted always, so that no part of it is taken for one. */
function quote(argument: string): string {
  if (/^[\w-]+$/.test(argument)) return argument;
  const escaped = argument.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, '$1$1');
  return `"${escaped}"`;
}
