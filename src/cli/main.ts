#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { packageVersion } from '../runtime/packageversion.js';
import { EXIT_USAGE, explain } from './explain.js';
import { ignoreClosedPipes, note } from './output.js';

/** In the order of `--help`. A verb loads nothing of the others. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import('./up.js')).upCommand,
  down: async () => (await import('./down.js')).downCommand,
  show: async () => (await import('./show.js')).showCommand,
  logs: async () => (await import('./logs.js')).logsCommand,
  check: async () => (await import('./check.js')).checkCommand,
  genkey: async () => (await import('./genkey.js')).genkeyCommand,
  genpsk: async () => (await import('./genpsk.js')).genpskCommand,
  pubkey: async () => (await import('./pubkey.js')).pubkeyCommand,
  service: async () => (await import('./service.js')).serviceCommand,
  wintun: async () => (await import('./wintun.js')).wintunCommand,
  selftest: async () => (await import('./selftest.js')).selftestCommand,
  demo: async () => (await import('./demo.js')).demoCommand,
  version: async () => (await import('./version.js')).versionCommand,
};

function loadCommands(verb: string | undefined): Promise<Command[]> {
  const load = verb !== undefined && Object.hasOwn(COMMANDS, verb) ? COMMANDS[verb] : undefined;
  return Promise.all((load ? [load] : Object.values(COMMANDS)).map((one) => one()));
}

async function buildProgram(verb: string | undefined): Promise<Command> {
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
  const commands = await loadCommands(verb);
  for (const command of commands) program.addCommand(command);
  const inner = commands.flatMap((command) => command.commands);
  for (const command of [program, ...commands, ...inner])
    command.exitOverride().configureOutput({ outputError: (text, write) => write(asHint(text)) });
  return program;
}

/** commander puts its guess into parentheses: `(Did you mean show?)`. */
function asHint(text: string): string {
  return text.replace(/^\(Did you mean (.*)\?\)$/m, 'hint: did you mean $1?');
}

async function main(args: readonly string[]): Promise<void> {
  ignoreClosedPipes();
  const program = await buildProgram(args[0]);
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
