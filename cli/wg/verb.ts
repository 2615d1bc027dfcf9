import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { type ErrorCode, WgTsError } from '../../system/errors.js';
import { explain } from '../explain.js';
import { note } from '../output.js';
import { requireRoot } from '../target.js';

export interface WgVerb {
  readonly verb: string;
  /** The arguments, without the verb. */
  readonly usage: string;
  readonly summary: string;
  readonly description: string;
  readonly help: string;
  /** The allowed number of arguments. */
  readonly count: readonly [min: number, max: number];
  readonly run: (args: readonly string[]) => Promise<void>;
}

/**
 * Defines a verb of wg(8). Its arguments are those of wg(8), such as `-10.0.0.0/8`, which is not an option.
 * Every error exits with 1, as scripts for wg(8) expect.
 */
export function wgVerb(spec: WgVerb): Command {
  return new Command(spec.verb)
    .summary(spec.summary)
    .description(spec.description)
    .usage(spec.usage)
    .argument('[ARGS...]')
    .allowUnknownOption()
    .helpOption('--help', 'show this help')
    .addHelpText('after', spec.help)
    .action((args: readonly string[]) => asWg(() => runChecked(spec, args)));
}

async function runChecked({ verb, usage, count, run }: WgVerb, args: readonly string[]) {
  if (args.length < count[0] || args.length > count[1]) throw wrongUsage(verb, usage);
  // The rest is left out, as it may contain a key by mistake.
  requireRoot(verb, `${verb} ${args[0]}${args.length > 1 ? ' ...' : ''}`);
  await run(args);
}

export function wrongUsage(verb: string, usage: string): WgTsError {
  return new WgTsError('ERR_USAGE', `usage: wg-ts ${verb} ${usage}`, {
    hint: `wg-ts help ${verb} shows more`,
  });
}

const NOT_ROOT: ErrorCode = 'ERR_NOT_ROOT';

/** Prints an error as usual, and exits with 1, or with 3 if the user lacks privileges. */
export async function asWg(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const { lines, exitCode } = explain(error);
    for (const line of lines) note(line);
    process.exitCode = error instanceof WgTsError && error.code === NOT_ROOT ? exitCode : 1;
  }
}

/** Reads a file for setconf, addconf or syncconf; `-` is stdin. */
export async function readWgFile(file: string): Promise<string> {
  const { isNothing, isStdin } = await import('./keyfile.js');
  if (isStdin(file)) return readStdin();
  if (isNothing(file)) return '';
  const { readConfigFile } = await import('../../src/config/file.js');
  const { text, warnings } = await readConfigFile(file);
  for (const warning of warnings) note(`warning: ${warning}`);
  return text;
}

const STDIN = 0;

function readStdin(): string {
  try {
    return readFileSync(STDIN, 'utf8');
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw new WgTsError('ERR_FILE', `cannot read stdin (${code})`, {
      hint: 'give the file on stdin: wg-ts strip office | wg-ts setconf office -',
    });
  }
}
