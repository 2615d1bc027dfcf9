import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { packageVersion } from '../../src/packageversion.js';
import { WgTsError } from '../../system/errors.js';
import { commandTree } from '../commandtree.js';
import { configPage } from '../man/configpage.js';
import {
  CONFIG_PAGE,
  type Edition,
  hasPage,
  type ManPage,
  PROGRAM,
  programPage,
  verbPage,
} from '../man/pages.js';
import { print } from '../output.js';
import { packageRoot } from '../service/windows/package.js';

export const manCommand: Command = new Command('man')
  .summary('show the manual')
  .description(
    'Shows the manual page of a command, of the program, or of the configuration file (wg-ts.conf). If the output is not a terminal, the source of the page is printed; without man(1), the text of --help.',
  )
  .argument('[VERB]', 'a command, or wg-ts.conf')
  .option('--output <FOLDER>', 'instead write all pages to man1 and man5 in this folder')
  .addHelpText(
    'after',
    `
Examples:
  wg-ts man up
  wg-ts man wg-ts.conf
  sudo wg-ts man --output /usr/local/share/man`,
  )
  .action(async (verb: string | undefined, { output }: { output?: string }, command: Command) => {
    const program = command.parent ?? command;
    if (output !== undefined) writePages(output, manPages(program, edition()));
    else await show(verb, program);
  });

/** Returns all pages. */
export function manPages(program: Command, about: Edition): readonly ManPage[] {
  const tree = commandTree(program);
  return [
    programPage(tree, about),
    ...tree.commands.filter(hasPage).map((verb) => verbPage(verb, about)),
    configPage(readFileSync(path.join(packageRoot(), 'configs/every-key.conf'), 'utf8'), about),
  ];
}

/** SOURCE_DATE_EPOCH makes builds reproducible. */
function edition(): Edition {
  const { SOURCE_DATE_EPOCH: epoch } = process.env;
  const built = statSync(fileURLToPath(import.meta.url)).mtime;
  const date = epoch !== undefined && /^\d+$/.test(epoch) ? new Date(Number(epoch) * 1000) : built;
  return { date: date.toISOString().slice(0, 10), version: packageVersion() };
}

function writePages(folder: string, pages: readonly ManPage[]): void {
  for (const { file, text } of pages) {
    const section = path.join(folder, `man${path.extname(file).slice(1)}`);
    mkdirSync(section, { recursive: true });
    writeFileSync(path.join(section, file), text);
  }
}

async function show(verb: string | undefined, program: Command): Promise<void> {
  const page = manPages(program, edition()).find(({ file }) => file === fileOf(verb));
  if (!page)
    throw new WgTsError('ERR_USAGE', `there is no manual page for ${verb}`, {
      hint: 'wg-ts help lists the commands',
    });
  if (!process.stdout.isTTY) print(page.text);
  else if (!(await showByMan(page.text))) printHelp(verb, program);
}

function fileOf(verb: string | undefined): string {
  if (verb === undefined || verb === PROGRAM) return `${PROGRAM}.1`;
  return verb === CONFIG_PAGE ? `${CONFIG_PAGE}.5` : `${PROGRAM}-${verb}.1`;
}

/** Resolves to false when there is no man(1), or it fails. */
function showByMan(text: string): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn('man', ['-l', '-'], { stdio: ['pipe', 'inherit', 'inherit'] });
    child.once('error', () => resolve(false));
    // A pager that is left early does not read the page to its end.
    child.stdin.on('error', () => undefined);
    child.stdin.end(text);
    child.once('close', (code) => resolve(code === 0));
  });
}

function printHelp(verb: string | undefined, program: Command): void {
  const command = program.commands.find((one) => one.name() === verb) ?? program;
  print(command.helpInformation());
}
