import type { CompletedCommand, Expected } from './expected.js';

/**
 * For bash 4 and newer, with nothing else installed. Nothing that is typed and no name of a file is
 * ever evaluated.
 */
export function bashCompletion(commands: readonly CompletedCommand[]): string {
  return `# bash completion for wg-ts, made by: wg-ts completion bash

_wg_ts() {
  local cur=\${COMP_WORDS[COMP_CWORD]} command= expected= word i
  local -i place=0 repeated=0
  local -a subcommands=() options=() places=()
  COMPREPLY=()
  # readline makes three words of --option=value.
  [[ $cur == = ]] && cur=
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $word == = ]]; then
      continue
    elif [[ -n $expected ]]; then
      expected=
    elif [[ $word == -* ]]; then
      _wg_ts_value
    else
      case "$command/$word" in
${indent(6, pathCases(commands))}
        *) place+=1 ;;
      esac
    fi
  done
  if [[ -n $expected ]]; then
    _wg_ts_offer $expected
    return
  fi
  case $command in
${indent(4, commands.flatMap(tableOf))}
  esac
  if [[ $cur == -* ]]; then
    _wg_ts_offer "\${options[@]}"
    return
  fi
  ((place == 0)) && _wg_ts_offer "\${subcommands[@]}"
  ((repeated && place >= \${#places[@]})) && place=$((\${#places[@]} - 1))
  _wg_ts_offer \${places[place]}
}

# Sets expected to what the option of the command takes, if it takes a value.
_wg_ts_value() {
  case "$command/$word" in
${indent(4, commands.flatMap(valueCases))}
  esac
}

# Words, and with @ what has to be looked for.
_wg_ts_offer() {
  local word
  for word; do
    case $word in
      @interface) _wg_ts_interfaces ;;
      @tunnel) _wg_ts_interfaces && _wg_ts_configured ;;
      @configuration) _wg_ts_interfaces && _wg_ts_configured && _wg_ts_files '!*.conf' ;;
      @file) _wg_ts_files ;;
      @folder) _wg_ts_files '*' ;;
      @*) ;;
      *) _wg_ts_add "$word" ;;
    esac
  done
}

_wg_ts_add() {
  local known
  [[ $1 == "$cur"* ]] || return 0
  for known in "\${COMPREPLY[@]}"; do
    [[ $known == "$1" ]] && return 0
  done
  COMPREPLY+=("$1")
}

# Of files whose names can be those of interfaces.
_wg_ts_names() {
  local file name
  for file; do
    name=\${file##*/}
    name=\${name%.conf}
    name=\${name%.sock}
    [[ $name =~ ^[a-zA-Z0-9_=+.-]+$ ]] && _wg_ts_add "$name"
  done
  return 0
}

# Who is not root cannot see the sockets, but sees which interfaces there are.
_wg_ts_interfaces() {
  local file
  for file in /run/wireguard/*.sock; do
    [[ -S $file ]] && _wg_ts_names "$file"
  done
  [[ -r /run/wireguard ]] && return 0
  for file in /sys/class/net/*/tun_flags; do
    [[ -e $file ]] && _wg_ts_names "\${file%/tun_flags}"
  done
  return 0
}

_wg_ts_configured() {
  local file
  for file in /etc/wireguard/*.conf; do
    [[ -e $file ]] && _wg_ts_names "$file"
  done
  return 0
}

# $1 is what to leave out, as compgen -X has it.
_wg_ts_files() {
  local file
  local -a found=()
  compopt -o filenames 2>/dev/null
  [[ $1 == '*' ]] || mapfile -t found < <(compgen -f \${1:+-X "$1"} -- "$cur")
  COMPREPLY+=("\${found[@]}")
  [[ -z $1 ]] && return 0
  mapfile -t found < <(compgen -d -- "$cur")
  COMPREPLY+=("\${found[@]}")
}

complete -F _wg_ts wg-ts
`;
}

/** Where a word is a command of the one before. */
function pathCases(commands: readonly CompletedCommand[]): string[] {
  return commands
    .filter(({ path }) => path !== '')
    .map(({ path }) => {
      const [parent, word] = splitPath(path);
      return `${quote(`${parent}/${word}`)}) command=${quote(path)} place=0 ;;`;
    });
}

function tableOf(command: CompletedCommand): string[] {
  const { path, commands, options, positionals, isRepeated } = command;
  const flags = options.flatMap(({ short, long }) => [short, long]).filter((flag) => flag);
  return [
    `${quote(path)})`,
    ...(commands.length > 0
      ? [`  subcommands=(${commands.map(({ word }) => word).join(' ')})`]
      : []),
    `  options=(${flags.join(' ')})`,
    ...(positionals.length > 0
      ? [`  places=(${positionals.map((one) => quote(wordsOf(one))).join(' ')})`]
      : []),
    ...(isRepeated ? ['  repeated=1'] : []),
    '  ;;',
  ];
}

function valueCases({ path, options }: CompletedCommand): string[] {
  return options.flatMap(({ short, long, value }) => {
    if (!value) return [];
    const flags = [short, long].filter((flag) => flag).map((flag) => quote(`${path}/${flag}`));
    return [`${flags.join(' | ')}) expected=${quote(wordsOf(value) || '@nothing')} ;;`];
  });
}

function wordsOf({ kinds, words }: Expected): string {
  return [...kinds.map((kind) => `@${kind}`), ...words].join(' ');
}

function splitPath(path: string): readonly [parent: string, word: string] {
  const words = path.split(' ');
  return [words.slice(0, -1).join(' '), words.at(-1) ?? ''];
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function indent(width: number, lines: readonly string[]): string {
  return lines.map((line) => ' '.repeat(width) + line).join('\n');
}
