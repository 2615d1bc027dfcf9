import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Argument, Command, Option } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandTree } from '../../../cli/commandtree.js';
import { type CompletedCommand, completedCommands } from '../../../cli/completion/expected.js';
import { runVerb } from '../../cli/inprocess.js';
import { runProgram } from '../support.js';

const has = (program: string): boolean => !spawnSync(program, ['--version']).error;

/** With a folder for what is running, one of configurations, and one to stand in. */
let folder = '';
const servers: Server[] = [];

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-completion-'));
  for (const name of ['run', 'etc', 'here', 'here/sub']) mkdirSync(path.join(folder, name));
  for (const name of ['office', 'my-vpn'])
    writeFileSync(path.join(folder, 'etc', `${name}.conf`), '');
  // What a shell must never run.
  writeFileSync(path.join(folder, 'etc', '$(touch evil).conf'), '');
  writeFileSync(path.join(folder, 'here', 'cafe bar.conf'), '');
  writeFileSync(path.join(folder, 'here', 'notes.txt'), '');
  for (const name of ['office', 'home']) {
    const server = createServer();
    servers.push(server);
    await new Promise<void>((resolve) =>
      server.listen(path.join(folder, 'run', `${name}.sock`), resolve),
    );
  }
}, 90_000);
afterAll(async () => {
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  if (folder !== '') rmSync(folder, { recursive: true, force: true });
});

const scripts = new Map<string, Promise<string>>();

function scriptOf(shell: string): Promise<string> {
  const script = scripts.get(shell) ?? makeScript(shell);
  scripts.set(shell, script);
  return script;
}

async function makeScript(shell: string): Promise<string> {
  const { code, stdout, stderr } = await runVerb(['completion', shell]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout
    .replaceAll('/run/wireguard', path.join(folder, 'run'))
    .replaceAll('/etc/wireguard', path.join(folder, 'etc'));
}

async function outputOf(shell: string, script: string): Promise<string[]> {
  const file = path.join(folder, `script.${shell}`);
  writeFileSync(file, script);
  const args = shell === 'bash' ? ['--norc', file] : shell === 'zsh' ? ['-f', file] : [file];
  const run = `cd "$1" && shift && exec "$@"`;
  const here = path.join(folder, 'here');
  const { code, stdout, stderr } = await runProgram(
    '/bin/sh',
    ['-c', run, 'sh', here, shell, ...args],
    { env: { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder } },
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .sort();
}

type Completer = (words: readonly string[]) => Promise<string[]>;

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** As readline does it; `=` is a word of its own there. */
const byBash: Completer = async (words) => {
  const typed = words.flatMap((word) => word.match(/=|[^=]+/g) ?? ['']);
  const list = ['wg-ts', ...typed].map(quote).join(' ');
  return await outputOf(
    'bash',
    `${await scriptOf('bash')}
COMP_WORDS=(${list}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_wg_ts
printf '%s\\n' "\${COMPREPLY[@]}"`,
  );
};

/** With the functions of its completion system that are called, as they answer to a prefix. */
const byZsh: Completer = async (words) => {
  const last = words.at(-1) ?? '';
  return await outputOf(
    'zsh',
    `offer() { local one; for one; do [[ $one == $PREFIX* ]] && print -r -- $one; done; return 0 }
_describe() { local -a list=("\${(@P)@[-1]}"); offer "\${(@)list%%:*}" }
compadd() { local -a list=("\${(@P)2}"); offer $list }
compset() { PREFIX=\${PREFIX#*=} }
_files() { [[ $1 == -g ]] && offer *.conf(N) */(N) || { [[ $1 == -/ ]] && offer */(N) || offer *(N) } }
compdef() { : }
${await scriptOf('zsh')}
words=(${['wg-ts', ...words].map(quote).join(' ')}); CURRENT=$#words; PREFIX=${quote(last)}
_wg-ts | sort -u; true`,
  );
};

const byFish: Completer = async (words) => {
  const line = ['wg-ts', ...words].map((word) => word.replaceAll(' ', '\\ ')).join(' ');
  const lines = await outputOf(
    'fish',
    `${await scriptOf('fish')}
complete -C ${quote(line)}`,
  );
  return lines.map((one) => one.split('\t')[0] ?? '').sort();
};

describe.each([
  ['bash', byBash],
  ['zsh', byZsh],
  ['fish', byFish],
] as const)('%s', (shell, completer) => {
  const complete = (...words: string[]): Promise<string[]> => completer(words);
  const ours = it.skipIf(!has(shell));
  const title = has(shell) ? '' : ` (skipped: no ${shell})`;

  ours(`takes the script as it is${title}`, async () => {
    const file = path.join(folder, `plain.${shell}`);
    writeFileSync(file, await scriptOf(shell));
    expect(await runProgram(shell, ['-n', file])).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  ours(`completes the verbs of --help${title}`, async () => {
    const { stdout } = await runVerb(['--help']);
    const [, commands = ''] = stdout.split(/^Commands:$/m);
    const verbs = [...commands.matchAll(/^ {2}([a-z]+) .*? {2}/gm)].map(([, verb]) => verb);
    expect(verbs.length).toBeGreaterThan(15);
    expect(await complete('')).toEqual(expect.arrayContaining(verbs));
    expect(await complete('gen')).toEqual(['genkey', 'genpsk']);
  });

  ours(`completes commands of a verb, also behind options${title}`, async () => {
    expect(await complete('service', 'st')).toEqual(['start', 'status', 'stop']);
    expect(await complete('up', 'service', '')).not.toContain('install');
  });

  ours(`completes options and their values${title}`, async () => {
    expect(await complete('up', '--for')).toEqual(['--foreground']);
    expect(await complete('up', '--data-plane', '')).toEqual(['native', 'portable']);
    expect(await complete('up', '--workers', '')).toEqual([]);
    expect(await complete('service', 'install', '--data-plane', 'p')).toEqual(['portable']);
    expect(await complete('completion', 'b')).toEqual(['bash']);
  });

  ours(`completes a value behind =${title}`, async () => {
    const expected = shell === 'fish' ? ['--data-plane=portable'] : ['portable'];
    expect(await complete('up', '--data-plane=p')).toEqual(expected);
  });

  ours(`completes running and configured tunnels, and files${title}`, async () => {
    const found = await complete('up', '--verbose', '');
    expect(found).toEqual(expect.arrayContaining(['home', 'my-vpn', 'office']));
    expect(found.join('\n')).toMatch(/cafe\\? bar\.conf/);
    expect(found.join('\n')).toMatch(/^sub\/?$/m);
    expect(found).not.toContain('notes.txt');
    expect(await complete('down', 'off')).toEqual(['office']);
    expect(await complete('service', 'stop', 'my')).toEqual(['my-vpn']);
  });

  ours(`completes what wg(8) has: an interface that runs, then keywords${title}`, async () => {
    expect(await complete('showconf', '')).toEqual(['home', 'office']);
    expect(await complete('showconf', 'office', '')).toEqual([]);
    expect(await complete('set', 'office', 'listen')).toEqual(['listen-port']);
    expect(await complete('set', 'office', 'peer', 'KEY', 'end')).toEqual(['endpoint']);
  });

  ours(`runs nothing of what is typed or found${title}`, async () => {
    await complete('up', '$(touch evil)', '');
    await complete('$(touch evil)');
    expect((await complete('down', '')).join('\n')).not.toContain('$(touch evil)');
    expect(await complete('up', 'ev')).toEqual([]);
    expect(existsSync(path.join(folder, 'here', 'evil'))).toBe(false);
  });
});

it('for another shell, the message names those that there are', async () => {
  const { code, stderr } = await runVerb(['completion', 'tcsh']);
  expect(code).toBe(2);
  expect(stderr).toContain('bash, zsh, fish');
});

describe('what is expected', () => {
  const expectedOf = (command: Command): CompletedCommand => {
    const [, found] = completedCommands(commandTree(new Command('x').addCommand(command)));
    if (!found) throw new Error('no command');
    return found;
  };

  it('comes from the names of arguments', () => {
    const command = new Command('a')
      .argument('<FILE|NAME>')
      .argument('[NAME]')
      .argument('[FILE...]');
    expect(expectedOf(command)).toMatchObject({
      positionals: [
        { kinds: ['configuration'], words: [] },
        { kinds: ['tunnel'], words: [] },
        { kinds: ['file'], words: [] },
      ],
      isRepeated: true,
    });
  });

  it('comes from a usage that says more than the arguments', () => {
    const usage = '[INTERFACE | all] [one VALUE] [two [remove] [+|-]X,...]...';
    expect(expectedOf(new Command('a').usage(usage).argument('[ARGS...]'))).toMatchObject({
      positionals: [
        { kinds: ['interface'], words: ['all'] },
        { kinds: [], words: ['one', 'two', 'remove'] },
      ],
      isRepeated: true,
    });
  });

  it('comes from choices, and leaves out what is hidden', () => {
    const command = new Command('a')
      .addArgument(new Argument('<WHAT>').choices(['b', 'c']))
      .addOption(new Option('-p, --pick <X>', 'pick one').choices(['d']))
      .addOption(new Option('--secret').hideHelp());
    const { positionals, options } = expectedOf(command);
    expect(positionals).toEqual([{ kinds: [], words: ['b', 'c'] }]);
    expect(options.map(({ long }) => long)).toEqual(['--pick', '--help']);
    expect(options[0]?.value).toEqual({ kinds: [], words: ['d'] });
  });
});
