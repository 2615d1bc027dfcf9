// RESULTS.md is written by section: each run replaces the sections that it measured and keeps the others.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** In the order of the file; the notes are written by hand. */
const NAMES = ['notes', 'comparison', 'ablation', 'profile', 'allowed-ips', 'windows'];

const TITLE = `# Benchmark results

Written by \`npm run bench\`, section by section; each says when and on which machine it was measured.
Compare the columns of one table, not different tables or machines.
`;

const begin = (name) => `<!-- begin ${name} -->`;
const end = (name) => `<!-- end ${name} -->`;

/** Returns the document with some sections replaced. `replaced` maps names of sections to their text. */
export function withSections(document, replaced) {
  const unknown = Object.keys(replaced).find((name) => !NAMES.includes(name));
  if (unknown) throw new Error(`no section is called ${unknown}`);
  const sections = NAMES.flatMap((name) => {
    const text = replaced[name] ?? sectionOf(document, name);
    return text === undefined ? [] : [`${begin(name)}\n\n${text.trim()}\n\n${end(name)}\n`];
  });
  return [TITLE, ...sections].join('\n');
}

export function writeSections(file, replaced) {
  const document = existsSync(file) ? readFileSync(file, 'utf8') : '';
  writeFileSync(file, withSections(document, replaced));
}

function sectionOf(document, name) {
  const from = document.indexOf(begin(name));
  const to = document.indexOf(end(name));
  return from < 0 || to < from ? undefined : document.slice(from + begin(name).length, to);
}
