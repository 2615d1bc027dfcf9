#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { packageVersion } from '../index.js';
import { checkCommand } from './check.js';
import { demoCommand } from './demo.js';
import { downCommand } from './down.js';
import { EXIT_USAGE, explain } from './explain.js';
import { genkeyCommand } from './genkey.js';
import { genpskCommand } from './genpsk.js';
import { ignoreClosedPipes, note } from './output.js';
import { pubkeyCommand } from './pubkey.js';
import { showCommand } from './show.js';
import { upCommand } from './up.js';
import { versionCommand } from './version.js';

const COMMANDS = [
  upCommand,
  downCommand,
  showCommand,
  checkCommand,
  genkeyCommand,
  genpskCommand,
  pubkeyCommand,
  demoCommand,
  versionCommand,
];

function buildProgram(): Command {
  const program = new Command('wg-ts')
    .description('A userspace WireGuard client.')
    .version(packageVersion(), '--version', 'print the version')
    .helpCommand('help [command]', 'tell more about a command')
    .addHelpText(
      'after',
      `
Exit codes: 0 done, 1 failed, 2 wrong command line or configuration, 3 not possible for this user or
on this system, 130 interrupted. WG_TS_DEBUG=1 shows where in the program an error came from.

Example:
  wg-ts check office.conf && sudo wg-ts up office.conf`,
    );
  for (const command of COMMANDS) program.addCommand(command);
  for (const command of [program, ...COMMANDS])
    command.exitOverride().configureOutput({ outputError: (text, write) => write(asHint(text)) });
  return program;
}

/** commander puts its guess into parentheses: `(Did you mean show?)`. */
function asHint(text: string): string {
  return text.replace(/^\(Did you mean (.*)\?\)$/m, 'hint: did you mean $1?');
}

async function main(args: readonly string[]): Promise<void> {
  ignoreClosedPipes();
  const program = buildProgram();
  if (args.length === 0) {
    program.outputHelp();
    return;
  }
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      // commander has said what is wrong.
      process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
      return;
    }
    const { lines, exitCode } = explain(error);
    for (const line of lines) note(line);
    process.exitCode = exitCode;
  }
}

await main(process.argv.slice(2));
