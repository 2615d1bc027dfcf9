// Generates the files of the package's entries that tsc does not. The last step of `npm run build:js`.
//
// - index.cjs beside each index.js: require() returns the same modules as import, so a program that uses
//   both has a single copy of each class and of all state.
// - The declarations that an entry needs, from dist/.types, where tsc writes all of them, and a .d.cts for
//   each: to TypeScript, a .d.ts in a package of "type": "module" describes a module that cannot be required.
// - The output of deleted sources is removed.
// - dist/.built has the time of the last build.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const types = join(dist, '.types');

const ENTRIES = ['src/index', 'protocol/index'];
const FOLDERS = ['cli', 'crypto', 'native', 'network', 'protocol', 'src', 'system', 'tun', 'udp'];
const MADE = /\.(?:js|cjs|d\.ts|d\.cts)$/;

/** Returns the imports of files of the package, from the last to the first. */
function specifiersOf(text) {
  return ts
    .preProcessFile(text, true, true)
    .importedFiles.filter(({ fileName }) => fileName.startsWith('.'))
    .sort((a, b) => b.pos - a.pos);
}

/** Adds to `found` the declaration `file` and those that it imports, directly or indirectly. */
function collect(file, found) {
  if (found.has(file)) return found;
  found.add(file);
  for (const { fileName } of specifiersOf(readFileSync(file, 'utf8')))
    collect(join(dirname(file), fileName.replace(/\.js$/, '.d.ts')), found);
  return found;
}

/** Returns the text of a declaration with its imports changed to those for require(). */
function forRequire(text) {
  let result = text;
  for (const { fileName, pos } of specifiersOf(text)) {
    const at = text.indexOf(fileName, pos);
    const end = at + fileName.length;
    result = `${result.slice(0, at)}${fileName.replace(/\.js$/, '.cjs')}${result.slice(end)}`;
  }
  return result;
}

function* madeFiles() {
  for (const folder of FOLDERS)
    for (const name of readdirSync(join(dist, folder), { recursive: true }))
      if (MADE.test(name)) yield join(folder, name);
}

const reachable = new Set();
for (const entry of ENTRIES) collect(join(types, `${entry}.d.ts`), reachable);
const declarations = new Map([...reachable].map((file) => [relative(types, file), file]));

for (const name of madeFiles()) {
  const hasSource = existsSync(join(root, name.replace(MADE, '.ts')));
  const isOld = /\.d\.c?ts$/.test(name) && !declarations.has(name.replace(/cts$/, 'ts'));
  if (!hasSource || isOld) rmSync(join(dist, name));
}

for (const [name, file] of declarations) {
  const text = readFileSync(file, 'utf8');
  writeFileSync(join(dist, name), text);
  writeFileSync(join(dist, name.replace(/ts$/, 'cts')), forRequire(text));
}
for (const entry of ENTRIES)
  writeFileSync(
    join(dist, `${entry}.cjs`),
    "'use strict';\n\nmodule.exports = require('./index.js');\n",
  );
writeFileSync(join(dist, '.built'), '');
