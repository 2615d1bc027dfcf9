import type { CompletedCommand, CompletedOption, Expected } from './expected.js';

/** For autoload from a folder of $fpath as _wg-ts, or to be sourced after compinit. */
export function zshCompletion(commands: readonly CompletedCommand[]): string {
  return `#compdef wg-ts
# zsh completion for wg-ts, made by: wg-ts completion zsh

_wg-ts() {
  local command= expected= word
  local -i place=0 repeated=0
  local -a subcommands options places
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if [[ -n $expected ]]; then
      expected=
    elif [[ $word == -* ]]; then
      [[ $word == *=* ]] || _wg-ts_value $word
    else
      case "$command/$word" in
${indent(8, pathCases(commands))}
        (*) (( place += 1 )) ;;
      esac
    fi
  done
  if [[ -z $expected && $PREFIX == --*=* ]]; then
    _wg-ts_value \${PREFIX%%=*}
    compset -P '*='
  fi
  if [[ -n $expected ]]; then
    _wg-ts_offer \${=expected}
    return
  fi
  case $command in
${indent(4, commands.flatMap(tableOf))}
  esac
  if [[ $PREFIX == -* ]]; then
    _describe -o option options
    return
  fi
  local found=1
  (( place == 0 && $#subcommands )) && _describe command subcommands && found=0
  (( repeated && place >= $#places )) && (( place = $#places - 1 ))
  _wg-ts_offer \${=places[place+1]} && found=0
  return found
}

# Sets expected to what the option of the command takes, if it takes a value.
_wg-ts_value() {
  case "$command/$1" in
${indent(4, commands.flatMap(valueCases))}
  esac
}

# Words, and with @ what has to be looked for.
_wg-ts_offer() {
  local word found=1
  local -a names
  for word; do
    case $word in
      (@interface) _wg-ts_interfaces ;;
      (@tunnel) _wg-ts_interfaces; _wg-ts_configured ;;
      (@configuration)
        _wg-ts_interfaces
        _wg-ts_configured
        _files -g '*.conf(-.)' && found=0
        ;;
      (@file) _files && found=0 ;;
      (@folder) _files -/ && found=0 ;;
      (@*) ;;
      (*) names+=($word) ;;
    esac
  done
  (( $#names )) && compadd -a names && found=0
  return found
}

# Who is not root cannot see the sockets, but sees which interfaces there are.
_wg-ts_interfaces() {
  _wg-ts_names /run/wireguard/*.sock(N=:t:r)
  [[ -r /run/wireguard ]] || _wg-ts_names /sys/class/net/*/tun_flags(N:h:t)
}

_wg-ts_configured() {
  _wg-ts_names /etc/wireguard/*.conf(N:t:r)
}

# Adds those that can be names of interfaces.
_wg-ts_names() {
  names+=(\${@:#*[^a-zA-Z0-9_=+.-]*})
}

if [[ $funcstack[1] == _wg-ts ]]; then
  _wg-ts "$@"
else
  compdef _wg-ts wg-ts
fi
`;
}

function pathCases(commands: readonly CompletedCommand[]): string[] {
  return commands
    .filter(({ path }) => path !== '')
    .map(({ path }) => {
      const words = path.split(' ');
      const key = `${words.slice(0, -1).join(' ')}/${words.at(-1)}`;
      return `(${quote(key)}) command=${quote(path)} place=0 ;;`;
    });
}

function tableOf(command: CompletedCommand): string[] {
  const { path, commands, options, positionals, isRepeated } = command;
  const described = commands.map(({ word, description }) => quote(describe(word, description)));
  return [
    `(${quote(path)})`,
    ...(commands.length > 0
      ? ['  subcommands=(', ...described.map((one) => `    ${one}`), '  )']
      : []),
    '  options=(',
    ...options.flatMap(describedFlags).map((one) => `    ${one}`),
    '  )',
    ...(positionals.length > 0
      ? [`  places=(${positionals.map((one) => quote(wordsOf(one))).join(' ')})`]
      : []),
    ...(isRepeated ? ['  repeated=1'] : []),
    '  ;;',
  ];
}

function describedFlags({ short, long, description }: CompletedOption): string[] {
  return [short, long].flatMap((flag) => (flag ? [quote(describe(flag, description))] : []));
}

function valueCases({ path, options }: CompletedCommand): string[] {
  return options.flatMap(({ short, long, value }) => {
    if (!value) return [];
    const flags = [short, long].flatMap((flag) => (flag ? [quote(`${path}/${flag}`)] : []));
    return [`(${flags.join('|')}) expected=${quote(wordsOf(value) || '@nothing')} ;;`];
  });
}

/** As _describe wants it. */
function describe(word: string, description: string): string {
  return `${word.replaceAll(':', '\\:')}:${description}`;
}

function wordsOf({ kinds, words }: Expected): string {
  return [...kinds.map((kind) => `@${kind}`), ...words].join(' ');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function indent(width: number, lines: readonly string[]): string {
  return lines.map((line) => ' '.repeat(width) + line).join('\n');
}
