/** What may be typed at each position of the command line, for the scripts of all shells. */
import { allCommands, type CommandNode, type OptionNode } from '../commandtree.js';

/**
 * An `interface` is up; a `tunnel` is up or has a configuration in /etc/wireguard; a `configuration` is
 * a tunnel or a .conf file.
 */
export type Kind = 'interface' | 'tunnel' | 'configuration' | 'file' | 'folder';

/** Both are empty when nothing is known about the value. */
export interface Expected {
  readonly kinds: readonly Kind[];
  readonly words: readonly string[];
}

export interface Word {
  readonly word: string;
  readonly description: string;
}

export interface CompletedOption {
  readonly short: string | undefined;
  readonly long: string | undefined;
  readonly description: string;
  /** What its value may be; undefined when it takes none. */
  readonly value: Expected | undefined;
}

export interface CompletedCommand {
  readonly path: string;
  readonly commands: readonly Word[];
  readonly options: readonly CompletedOption[];
  /** One for each position. */
  readonly positionals: readonly Expected[];
  /** All later positions take the same as the last one. */
  readonly isRepeated: boolean;
}

export function completedCommands(program: CommandNode): readonly CompletedCommand[] {
  const verbs = program.commands.map(({ path }) => path);
  return allCommands(program).map((node) => {
    const { positionals, isRepeated } = positionalsOf(node, verbs);
    return {
      path: node.path,
      commands: node.commands.map(({ path, summary }) => ({
        word: path.split(' ').at(-1) ?? '',
        description: firstLine(summary),
      })),
      options: node.options.map(completedOption),
      positionals,
      isRepeated,
    };
  });
}

function completedOption({
  short,
  long,
  description,
  value,
  choices,
}: OptionNode): CompletedOption {
  return {
    short,
    long,
    description: firstLine(description),
    value:
      value === undefined
        ? undefined
        : choices.length > 0
          ? { kinds: [], words: choices }
          : expectedOf(value.split('|')),
  };
}

/** `<A|B>`, `[A...]` and `[word A]`; groups nested in one are part of it. */
const GROUP = /[<[]((?:[^<>[\]]|\[[^\]]*\])*)[>\]](\.\.\.)?/g;
const ALTERNATIVES = /^[^\s|]+(\s*\|\s*[^\s|]+)*$/;
const KEYWORD = /(?<![\w-])[a-z][a-z-]+(?![\w-])/g;

function positionalsOf(
  { usage, arguments: registered }: CommandNode,
  verbs: readonly string[],
): Pick<CompletedCommand, 'positionals' | 'isRepeated'> {
  const positionals: Expected[] = [];
  const groups = [...usage.matchAll(GROUP)].filter(([, text = '']) => !text.startsWith('-'));
  for (const [index, [whole, text = '']] of groups.entries()) {
    const name = text.replace(/\.\.\.$/, '');
    // Keywords with their values, in any order.
    if (!ALTERNATIVES.test(name)) {
      const rest = groups.slice(index).map(([group]) => group);
      const words = [...new Set(rest.join(' ').match(KEYWORD) ?? [])];
      return { positionals: [...positionals, { kinds: [], words }], isRepeated: true };
    }
    const choices = registered[index]?.choices ?? [];
    const names = name.split('|').map((one) => one.trim());
    if (choices.length > 0) positionals.push({ kinds: [], words: choices });
    else if (names.includes('VERB')) positionals.push({ kinds: [], words: verbs });
    else positionals.push(expectedOf(names));
    if (whole.includes('...')) return { positionals, isRepeated: true };
  }
  return { positionals, isRepeated: false };
}

/** Maps the placeholders of values to kinds; names in lower case are typed literally. */
function expectedOf(names: readonly string[]): Expected {
  const has = (name: string): boolean => names.includes(name);
  const kinds: Kind[] = [];
  if (has('FILE') && has('NAME')) kinds.push('configuration');
  else if (has('FILE') || has('ZIP')) kinds.push('file');
  else if (has('NAME')) kinds.push('tunnel');
  if (has('INTERFACE')) kinds.push('interface');
  if (has('FOLDER') || has('DIRECTORY')) kinds.push('folder');
  return { kinds, words: names.filter((name) => /^[a-z][a-z-]*$/.test(name)) };
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
