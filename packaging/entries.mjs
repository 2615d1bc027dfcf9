// Generates the files of the package's entries that tsc does not, and removes those that no user can reach.
// A step of `npm run build`, after tsc.
//
//   entries.mjs [DIST]
//
// - index.cjs beside each index.js: require() returns the same modules as import, so a program that uses
//   both has a single copy of each class and of all state.
// - A .d.cts for each declaration: to TypeScript, a .d.ts in a package of "type": "module" describes a module
//   that cannot be required.
// - Declarations that neither entry needs are removed, and so is the output of deleted sources.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = resolve(process.argv[2] ?? join(root, 'dist'));

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
for (const entry of ENTRIES) collect(join(dist, `${entry}.d.ts`), reachable);

for (const name of madeFiles()) {
  const hasSource = existsSync(join(root, name.replace(MADE, '.ts')));
  const isDeclaration = name.endsWith('.d.ts');
  // Declarations for require() are rewritten below.
  const isOld = name.endsWith('cts') || (isDeclaration && !reachable.has(join(dist, name)));
  if (!hasSource || isOld) rmSync(join(dist, name));
}

for (const file of reachable)
  writeFileSync(file.replace(/\.d\.ts$/, '.d.cts'), forRequire(readFileSync(file, 'utf8')));
for (const entry of ENTRIES)
  writeFileSync(
    join(dist, `${entry}.cjs`),
    "'use strict';\n\nmodule.exports = require('./index.js');\n",
  );
