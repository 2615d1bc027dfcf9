import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandNode, commandTree } from '../../../cli/commandtree.js';
import { configPage, explainedKeys } from '../../../cli/man/configpage.js';
import { parseNotes } from '../../../cli/man/notes.js';
import { verbPage } from '../../../cli/man/pages.js';
import { RoffPage } from '../../../cli/man/roff.js';
import { INTERFACE_KEYS, PEER_KEYS } from '../../../src/config/section.js';
import { runVerb } from '../../cli/inprocess.js';

const has = (program: string): boolean => !spawnSync(program, ['--version']).error;

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-man-'));
  const { code, stderr } = await runVerb(['man', '--output', folder]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
}, 90_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const pages = (): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.\d$/.test(name));

/** As a wide terminal shows it, without bold, so that no term is broken. */
function rendered(page: string): string {
  const args = ['-man', '-Tascii', '-P-c', '-P-b', '-P-u', '-rLL=1000n', path.join(folder, page)];
  const { status, stdout } = spawnSync('groff', args, { encoding: 'utf8' });
  expect(status).toBe(0);
  return stdout.replaceAll(/\s+/g, ' ');
}

/** What stands before two blanks in the lists of --help. */
const termsOf = (help: string): string[] =>
  [...help.matchAll(/^ {2}(\S.*?)(?: {2}|$)/gm)].map(([, term = '']) => term);

const edition = { date: '2026-01-02', version: '1.2.3' };

describe.skipIf(!has('groff'))('the pages, by groff (skipped where it is not)', () => {
  it('are well formed for groff, and for mandoc where it is there', () => {
    expect(pages().length).toBeGreaterThan(15);
    for (const page of pages()) {
      const file = path.join(folder, page);
      const groff = spawnSync('groff', ['-man', '-ww', '-Tutf8', '-z', file], { encoding: 'utf8' });
      expect([page, groff.status, groff.stderr]).toEqual([page, 0, '']);
      if (!has('mandoc') && !has('/usr/bin/mandoc')) continue;
      const lint = spawnSync('mandoc', ['-Tlint', '-Wwarning', file], { encoding: 'utf8' });
      expect([page, lint.stdout]).toEqual([page, '']);
    }
  });

  it('of the program has each verb and option of --help', async () => {
    const { stdout } = await runVerb(['--help']);
    const page = rendered('man1/wg-ts.1');
    const [options = '', commands = ''] = stdout.split(/^Commands:$/m);
    const verbs = termsOf(commands).map((term) => term.split(' ')[0]);
    expect(verbs).toEqual(expect.arrayContaining(['up', 'service', 'completion', 'man']));
    for (const verb of verbs.filter((one) => one !== 'wg-ts'))
      expect(page).toContain(`wg-ts ${verb}`);
    for (const option of termsOf(options).filter((one) => one.startsWith('-')))
      expect(page).toContain(option);
  });

  it('of each verb has each option and subcommand of --help', async () => {
    for (const page of pages().filter((name) => name.startsWith('man1/wg-ts-'))) {
      const verb = path.basename(page, '.1').slice('wg-ts-'.length);
      const { stdout } = await runVerb([verb, '--help']);
      const text = rendered(page);
      expect(text).toContain(`wg-ts ${verb}`);
      const [options = '', commands = ''] = stdout.split(/^Commands:$/m);
      for (const option of termsOf(options).filter((one) => one.startsWith('-')))
        expect(text).toContain(option);
      for (const term of termsOf(commands).filter((one) => /^[a-z]/.test(one)))
        if (!/^(help|wg-ts|sudo)\b/.test(term))
          expect(text).toContain(`wg-ts ${verb} ${term.split(' ')[0]}`);
    }
  }, 240_000);

  it('of the configuration has each key', () => {
    const text = rendered('man5/wg-ts.conf.5');
    for (const key of [...INTERFACE_KEYS, ...PEER_KEYS]) expect(text).toContain(key);
  });
});

it('the package names the pages that are built', () => {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  const { man } = JSON.parse(text) as { man?: string[] };
  if (man)
    expect(man.toSorted()).toEqual(
      pages()
        .map((page) => `./man/${page}`)
        .toSorted(),
    );
});

it('a page is printed where there is no terminal', async () => {
  const { code, stdout } = await runVerb(['man', 'up']);
  expect(code).toBe(0);
  expect(stdout).toBe(readFileSync(path.join(folder, 'man1/wg-ts-up.1'), 'utf8'));
});

it('a verb without a page is reported', async () => {
  const { code, stderr } = await runVerb(['man', 'nothing']);
  expect(code).toBe(2);
  expect(stderr).toBe(
    'error: there is no manual page for nothing\nhint: wg-ts help lists the commands\n',
  );
});

describe('roff', () => {
  it('shows what was written, whatever roff would make of it', () => {
    const page = new RoffPage({
      name: 'x',
      section: 1,
      date: '2026-01-02',
      source: 's',
      manual: 'm',
    });
    page.section('A "B"').paragraph(".so 'it' \\n ^~` -x é");
    page.literal(['.de', "'x"]).item('-f "y"', '');
    expect(page.toString().split('\n').slice(3)).toEqual([
      '.SH "A \\(dqB\\(dq"',
      '\\&.so \\(aqit\\(aq \\(rsn \\(ha\\(ti\\(ga \\-x \\[u00E9]',
      '.PP',
      '.RS 4',
      '.nf',
      '\\&.de',
      '\\&\\(aqx',
      '.fi',
      '.RE',
      '.TP',
      '.B "\\-f \\(dqy\\(dq"',
      '\\&',
      '',
    ]);
  });
});

it('notes are paragraphs, lines as they are, and examples', () => {
  expect(parseNotes('One\nline.\n  as it is\n\nTwo.\n\nExamples:\n  a\n    b')).toEqual({
    parts: [
      { type: 'paragraph', text: 'One line.' },
      { type: 'literal', lines: ['as it is'] },
      { type: 'paragraph', text: 'Two.' },
    ],
    examples: ['a', '  b'],
  });
});

describe('of commands', () => {
  const make = (): CommandNode => {
    const inner = new Command('in').summary('be inside').option('--deep <FILE>', 'how deep');
    const hidden = new Command('secret');
    const verb = new Command('out')
      .description('Goes out.')
      .addHelpText('after', '\nExample:\n  x');
    return commandTree(verb.addCommand(inner).addCommand(hidden, { hidden: true }), 'out');
  };

  it('what is hidden from --help is hidden', () => {
    expect(make().commands.map(({ path: name }) => name)).toEqual(['out in', 'out help']);
  });

  it('subcommands are described with their options', () => {
    const { file, text } = verbPage(make(), edition);
    expect(file).toBe('wg-ts-out.1');
    expect(text).toContain(
      '.SS "wg\\-ts out in [options]"\nBe inside.\n.TP\n.B "\\-\\-deep <FILE>"',
    );
    expect(text).toContain('.SH "EXAMPLES"\n.RS 4\n.nf\nx\n.fi');
    expect(text).not.toContain('secret');
  });
});

describe('of the configuration', () => {
  const example = '# Title.\n\n[A]\n# One\n# two.\nX = 1\nX = 2\nY = 3\n\n[A]\n# Other.\nX = 4\n';

  it('comments explain the keys below them', () => {
    expect(explainedKeys(example)).toEqual([
      { section: '[A]', keys: ['X', 'Y'], explanation: 'One two.' },
    ]);
  });

  it('the example stands there without comments', () => {
    expect(configPage(example, edition).text).toContain('\nX = 1\nX = 2\nY = 3\n\n[A]\nX = 4\n.fi');
  });
});
