import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { type ErrorCode, WgTsError } from '../../system/errors.js';
import { explain } from '../explain.js';
import { note } from '../output.js';
import { requireRoot } from '../target.js';

export interface WgVerb {
  readonly verb: string;
  /** What stands behind the verb. */
  readonly usage: string;
  readonly summary: string;
  readonly description: string;
  readonly help: string;
  /** How many arguments there may be. */
  readonly count: readonly [min: number, max: number];
  readonly run: (args: readonly string[]) => Promise<void>;
}

/**
 * A verb of wg(8): its arguments are those of wg(8), such as `-10.0.0.0/8`, which is no option, and a
 * mistake ends with 1 whatever it is, as scripts for wg(8) expect.
 */
export function wgVerb(spec: WgVerb): Command {
  return new Command(spec.verb)
    .summary(spec.summary)
    .description(spec.description)
    .usage(spec.usage)
    .argument('[ARGS...]')
    .allowUnknownOption()
    .helpOption('--help', 'tell more')
    .addHelpText('after', spec.help)
    .action((args: readonly string[]) => asWg(() => runChecked(spec, args)));
}

async function runChecked({ verb, usage, count, run }: WgVerb, args: readonly string[]) {
  if (args.length < count[0] || args.length > count[1]) throw wrongUsage(verb, usage);
  // Not the rest: a key may stand in it by mistake.
  requireRoot(verb, `${verb} ${args[0]}${args.length > 1 ? ' ...' : ''}`);
  await run(args);
}

export function wrongUsage(verb: string, usage: string): WgTsError {
  return new WgTsError('ERR_USAGE', `usage: wg-ts ${verb} ${usage}`, {
    hint: `wg-ts help ${verb} tells more`,
  });
}

const NOT_ROOT: ErrorCode = 'ERR_NOT_ROOT';

/** Tells an error as ever, and ends with 1, or 3 for users who may not. */
export async function asWg(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const { lines, exitCode } = explain(error);
    for (const line of lines) note(line);
    process.exitCode = error instanceof WgTsError && error.code === NOT_ROOT ? exitCode : 1;
  }
}

/** The text of a file for setconf and the like; `-` is stdin. */
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
