import type { CompletedCommand, CompletedOption, Expected, Kind } from './expected.js';

const OFFERS: Readonly<Record<Kind, string>> = {
  interface: '(__wg_ts_interfaces)',
  tunnel: '(__wg_ts_interfaces; __wg_ts_configured)',
  configuration: '(__wg_ts_interfaces; __wg_ts_configured; __wg_ts_files)',
  file: '(__fish_complete_path (commandline -ct))',
  folder: '(__fish_complete_directories (commandline -ct))',
};

export function fishCompletion(commands: readonly CompletedCommand[]): string {
  return `# fish completion for wg-ts, made by: wg-ts completion fish

# The command that is being typed, and how many arguments of its own stand before the cursor.
function __wg_ts_place
    set -l words (commandline -opc)
    set -l command ''
    set -l place 0
    set -l skip 0
    for word in $words[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch "$command/$word"
${indent(12, pathCases(commands))}
${indent(12, valueCases(commands))}
            case '*/-*'
            case '*'
                set place (math $place + 1)
        end
    end
    printf '%s\\n' $command $place
end

# Whether it is this command, and with more arguments this place of it, or one from there on.
function __wg_ts_at
    set -l now (__wg_ts_place)
    test "$now[1]" = "$argv[1]"; or return 1
    set -q argv[2]; or return 0
    if test "$argv[3]" = on
        test $now[2] -ge $argv[2]
    else
        test $now[2] -eq $argv[2]
    end
end

# Who is not root cannot see the sockets, but sees which interfaces there are.
function __wg_ts_interfaces
    for file in /run/wireguard/*.sock
        string replace -fr '.*/([a-zA-Z0-9_=+.-]+)\\.sock$' '$1' -- $file
    end
    test -r /run/wireguard; and return
    for file in /sys/class/net/*/tun_flags
        string replace -fr '.*/([a-zA-Z0-9_=+.-]+)/tun_flags$' '$1' -- $file
    end
end

function __wg_ts_configured
    for file in /etc/wireguard/*.conf
        string replace -fr '.*/([a-zA-Z0-9_=+.-]+)\\.conf$' '$1' -- $file
    end
end

# And folders, which may hold some.
function __wg_ts_files
    __fish_complete_path (commandline -ct) | string match -r '^[^\\t]*(?:\\.conf|/)(?:\\t.*)?$'
end

complete -c wg-ts -e
complete -c wg-ts -f
${commands.flatMap(linesOf).join('\n')}
`;
}

function pathCases(commands: readonly CompletedCommand[]): string[] {
  return commands
    .filter(({ path }) => path !== '')
    .flatMap(({ path }) => {
      const words = path.split(' ');
      const key = `${words.slice(0, -1).join(' ')}/${words.at(-1)}`;
      return [`case ${quote(key)}`, `    set command ${quote(path)}`, '    set place 0'];
    });
}

/** Whose next word is their value. */
function valueCases(commands: readonly CompletedCommand[]): string[] {
  const keys = commands.flatMap(({ path, options }) =>
    options
      .filter(({ value }) => value)
      .flatMap(({ short, long }) => [short, long])
      .flatMap((flag) => (flag ? [quote(`${path}/${flag}`)] : [])),
  );
  return keys.length === 0 ? [] : [`case ${keys.join(' ')}`, '    set skip 1'];
}

function linesOf(command: CompletedCommand): string[] {
  const { path, commands, options, positionals, isRepeated } = command;
  const at = (...place: (string | number)[]): string =>
    `complete -c wg-ts -n ${quote(`__wg_ts_at ${[quote(path), ...place].join(' ')}`)}`;
  return [
    ...commands.map(({ word, description }) => `${at(0)} -a ${word} -d ${quote(description)}`),
    ...options.map((option) => `${at()}${optionOf(option)}`),
    ...positionals.flatMap((expected, place) => {
      const isOpen = isRepeated && place === positionals.length - 1;
      const offers = offersOf(expected);
      return offers === '' ? [] : [`${at(place, ...(isOpen ? ['on'] : []))} -a ${quote(offers)}`];
    }),
  ];
}

function optionOf({ short, long, description, value }: CompletedOption): string {
  const flags = [
    ...(short ? [` -s ${short.slice(1)}`] : []),
    ...(long ? [` -l ${long.slice(2)}`] : []),
  ].join('');
  const offers = value ? ` -x -a ${quote(offersOf(value))}` : '';
  return `${flags}${offers} -d ${quote(description)}`;
}

function offersOf({ kinds, words }: Expected): string {
  return [...kinds.map((kind) => OFFERS[kind]), ...words].join(' ');
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

function indent(width: number, lines: readonly string[]): string {
  return lines.map((line) => ' '.repeat(width) + line).join('\n');
}
