/** Every command that the documents show exists. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runVerb } from './inprocess.js';

const read = (name: string): string =>
  readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');

/** `up`, `service install`: as they stand in the code of a document. */
function commandsIn(text: string): string[] {
  const code = text.match(/```[\s\S]*?```|`[^`\n]+`/g) ?? [];
  const found = code.flatMap((one) => [
    ...one.matchAll(/wg-ts ([a-z]+)(?: (install|uninstall|status|start|stop|list)\b)?/g),
  ]);
  const all = found.map(([, verb, inner]) => (inner ? `${verb} ${inner}` : `${verb}`));
  return [...new Set(all)].filter((command) => command !== 'help');
}

const SIX_LINES = /```\nnpm ci\nnpm install --global \.\n[\s\S]*?```/;

describe.each(['README.md', 'docs/commands.md', 'docs/windows.md'])('%s', (name) => {
  const commands = commandsIn(read(name));

  it('names commands', () => {
    expect(commands).toEqual(expect.arrayContaining(['up', 'wintun install', 'service install']));
  });

  it.each(commands)('names wg-ts %s, which has a help text', async (command) => {
    const { code, stdout } = await runVerb([...command.split(' '), '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: wg-ts ${command}`);
  });
});

it('the steps on Windows are the same in both', () => {
  const [ours] = SIX_LINES.exec(read('README.md')) ?? [];
  expect(ours?.split('\n')).toHaveLength(8);
  expect(SIX_LINES.exec(read('docs/windows.md'))?.[0]).toBe(ours);
});

describe('the examples in README.md', () => {
  const readme = read('README.md');
  const sources = readdirSync(new URL('../../examples', import.meta.url))
    .filter((name) => name.endsWith('.mjs'))
    .map((name) => ({ name, text: read(`examples/${name}`) }));
  const programs = sources.filter(
    ({ name }) => !sources.some(({ text }) => text.includes(`'./${name}'`)),
  );

  it.each(programs)('say how to run $name', ({ name }) => {
    expect(readme).toContain(`node examples/${name}`);
  });

  it('all exist', () => {
    const told = readme.match(/\bexamples\/[\w-]+\.mjs\b/g) ?? [];
    expect(told.filter((file) => !existsSync(new URL(`../../${file}`, import.meta.url)))).toEqual(
      [],
    );
  });

  it('begin with quickstart.mjs as it is', () => {
    expect(readme).toContain(`\`\`\`js\n${read('examples/quickstart.mjs')}\`\`\`\n`);
  });
});
