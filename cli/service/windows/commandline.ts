/** What Windows starts for a service, as one line. */
import type { Program } from './program.js';

/** What of a tunnel is chosen when its service is installed. */
export interface ServiceSettings {
  readonly allowHooks?: boolean;
  readonly dataPlane?: 'native' | 'portable';
  readonly workers?: number;
}

export function commandLineOf(
  { node, nodeOptions = [], script }: Program,
  name: string,
  { allowHooks = false, dataPlane, workers }: ServiceSettings,
): string {
  return [
    node,
    ...nodeOptions,
    script,
    'service',
    'run',
    ...(allowHooks ? ['--allow-hooks'] : []),
    ...(dataPlane === undefined ? [] : ['--data-plane', dataPlane]),
    ...(workers === undefined ? [] : ['--workers', String(workers)]),
    '--',
    name,
  ]
    .map(quote)
    .join(' ');
}

/** As CommandLineToArgvW reads it; a path is quoted always, so that no part of it is taken for one. */
function quote(argument: string): string {
  if (/^[\w-]+$/.test(argument)) return argument;
  const escaped = argument.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, '$1$1');
  return `"${escaped}"`;
}
