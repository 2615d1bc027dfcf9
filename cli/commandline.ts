import { Command, CommanderError } from 'commander';
import { packageVersion } from '../src/packageversion.js';
import { EXIT_USAGE, explain } from './explain.js';
import { note } from './output.js';

/** A verb is loaded without the others. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import('./verbs/up.js')).upCommand,
  down: async () => (await import('./verbs/down.js')).downCommand,
  show: async () => (await import('./verbs/show.js')).showCommand,
  watch: async () => (await import('./verbs/watch.js')).watchCommand,
  showconf: async () => (await import('./verbs/showconf.js')).showconfCommand,
  set: async () => (await import('./verbs/set.js')).setCommand,
  setconf: async () => (await import('./verbs/setconf.js')).setconfCommand,
  addconf: async () => (await import('./verbs/addconf.js')).addconfCommand,
  syncconf: async () => (await import('./verbs/syncconf.js')).syncconfCommand,
  save: async () => (await import('./verbs/save.js')).saveCommand,
  strip: async () => (await import('./verbs/strip.js')).stripCommand,
  logs: async () => (await import('./verbs/logs.js')).logsCommand,
  import: async () => (await import('./verbs/import.js')).importCommand,
  qr: async () => (await import('./verbs/qr.js')).qrCommand,
  check: async () => (await import('./verbs/check.js')).checkCommand,
  doctor: async () => (await import('./verbs/doctor.js')).doctorCommand,
  genkey: async () => (await import('./verbs/genkey.js')).genkeyCommand,
  genpsk: async () => (await import('./verbs/genpsk.js')).genpskCommand,
  pubkey: async () => (await import('./verbs/pubkey.js')).pubkeyCommand,
  service: async () => (await import('./verbs/service.js')).serviceCommand,
  wintun: async () => (await import('./verbs/wintun.js')).wintunCommand,
  selftest: async () => (await import('./verbs/selftest.js')).selftestCommand,
  demo: async () => (await import('./verbs/demo.js')).demoCommand,
  completion: async () => (await import('./verbs/completion.js')).completionCommand,
  man: async () => (await import('./verbs/man.js')).manCommand,
  version: async () => (await import('./verbs/version.js')).versionCommand,
};

/** In the order of `--help`. */
export const VERBS: readonly string[] = Object.keys(COMMANDS);

/** These verbs describe all the others, so they need them loaded. */
const ABOUT_ALL: ReadonlySet<string> = new Set(['completion', 'man']);

function loadCommands(verb: string | undefined): Promise<Command[]> {
  const isAlone = verb !== undefined && Object.hasOwn(COMMANDS, verb) && !ABOUT_ALL.has(verb);
  const load = isAlone ? COMMANDS[verb] : undefined;
  return Promise.all((load ? [load] : Object.values(COMMANDS)).map((one) => one()));
}

async function buildProgram(verb: string | undefined): Promise<Command> {
  const program = new Command('wg-ts')
    .description('A userspace WireGuard client.')
    .version(packageVersion(), '--version', 'print the version')
    .helpCommand('help [command]', 'show help for a command')
    .addHelpText(
      'after',
      `
Exit codes: 0 success, 1 failure, 2 wrong command line or configuration, 3 not possible for this user
or on this system, 130 interrupted. WG_TS_DEBUG=1 adds a stack trace to errors.

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

/** commander prints its suggestion in parentheses: `(Did you mean show?)`. */
function asHint(text: string): string {
  return text.replace(/^\(Did you mean (.*)\?\)$/m, 'hint: did you mean $1?');
}

/** Runs one command line, the words after `wg-ts`, and sets the exit code of the process. */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  const program = await buildProgram(args[0]);
  if (args.length === 0) {
    program.outputHelp();
    return;
  }
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      // commander has already printed the error.
      process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
      return;
    }
    const { lines, exitCode } = explain(error);
    for (const line of lines) note(line);
    process.exitCode = exitCode;
  }
}
