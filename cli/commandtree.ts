/** The command line as data, from the definitions that --help shows. */
import type { EventEmitter } from 'node:events';
import type { Argument, Command, Help, Option } from 'commander';

export interface CommandNode {
  /** What is typed after the program's name; empty for the program itself. */
  readonly path: string;
  readonly summary: string;
  readonly description: string;
  /** What follows the path on the usage line, without `[options]` and `[command]`. */
  readonly usage: string;
  readonly options: readonly OptionNode[];
  readonly arguments: readonly ArgumentNode[];
  readonly commands: readonly CommandNode[];
  /** The text below the options: further explanation, and examples. */
  readonly notes: string;
}

export interface OptionNode {
  /** `-f, --foreground` or `--workers <COUNT>`. */
  readonly term: string;
  readonly short: string | undefined;
  readonly long: string | undefined;
  readonly description: string;
  /** The name of its value; undefined when it takes none. */
  readonly value: string | undefined;
  readonly choices: readonly string[];
}

export interface ArgumentNode {
  readonly name: string;
  readonly description: string;
  readonly choices: readonly string[];
}

/** Returns what --help shows, so without hidden commands and options. */
export function commandTree(command: Command, path = ''): CommandNode {
  const help = command.createHelp();
  const join = (name: string): string => (path === '' ? name : `${path} ${name}`);
  return {
    path,
    summary: command.summary() || command.description(),
    description: command.description(),
    usage: command
      .usage()
      .replace(/\[(options|command)\] ?/g, '')
      .trim(),
    options: help.visibleOptions(command).map((option) => optionNode(option, help)),
    arguments: command.registeredArguments.map((argument) => argumentNode(argument, help)),
    commands: help.visibleCommands(command).map((inner) => commandTree(inner, join(inner.name()))),
    notes: notesOf(command),
  };
}

function optionNode(option: Option, help: Help): OptionNode {
  const takesValue = option.required || option.optional;
  return {
    term: help.optionTerm(option),
    short: option.short,
    long: option.long,
    description: help.optionDescription(option),
    value: takesValue ? /[<[](.+?)(?:\.\.\.)?[>\]]/.exec(option.flags)?.[1] : undefined,
    choices: option.argChoices ?? [],
  };
}

function argumentNode(argument: Argument, help: Help): ArgumentNode {
  return {
    name: help.argumentTerm(argument),
    description: help.argumentDescription(argument),
    choices: argument.argChoices ?? [],
  };
}

/** commander keeps the text given to `addHelpText` only in a listener of the --help event. */
function notesOf(command: Command): string {
  let text = '';
  const write = (part: string): void => {
    text += part;
  };
  const emitter = command as unknown as EventEmitter;
  emitter.emit('afterHelp', { error: false, command, write });
  return text.trim();
}

/** Returns the node itself and all its descendants, in the order of --help. */
export function allCommands(node: CommandNode): readonly CommandNode[] {
  return [node, ...node.commands.flatMap(allCommands)];
}
