/** wg-ts as it is typed, over stand-ins for Wintun and the network. */
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type Ended, runNode } from '../support/children.js';

/** The interface that the machine of stand-ins has room for. */
export const NAME = 'wgts-cli';
export const main: string = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url));
export const preload: string = `--import=${new URL('doubles.ts', import.meta.url).href}`;

export interface CliOptions {
  readonly dataPlane?: 'native' | 'portable';
  /** The file it reads as its standard input. */
  readonly stdin?: string;
}

/** NODE_OPTIONS is what the process in the background has, too. */
export function wgTs(
  args: readonly string[],
  { dataPlane = 'portable', stdin }: CliOptions = {},
): Promise<Ended> {
  return runNode([main, ...args], {
    // Where /dev is no folder of Linux.
    cwd: tmpdir(),
    env: {
      NODE_OPTIONS: `${process.env['NODE_OPTIONS']} ${preload}`,
      WG_TS_DATAPLANE: dataPlane,
    },
    ...(stdin !== undefined && { stdin }),
  });
}

/** Its output. */
export async function succeeds(args: readonly string[], options?: CliOptions): Promise<string> {
  const { code, output } = await wgTs(args, options);
  if (code === 0) return output;
  const log = await wgTs(['logs', NAME]);
  throw new Error(`wg-ts ${args.join(' ')} ended with ${code}: ${output}\n${log.output}`);
}
