// node bench/allowedips.mjs
//
// Measures the cost of a lookup in the native AllowedIPs table, and the memory of the table. Prints a
// Markdown table. Needs a C compiler.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile, sources } from '../native/build.mjs';

const SOURCE = fileURLToPath(new URL('allowedips.c', import.meta.url));
const PARTS = ['allowedips', 'allowedips_lookup', 'allowedips_owners', 'allowedips_trie'];

// Lookups in nanoseconds: overlapping with the next ones, or each after the previous one.
const COLUMNS = {
  prefixes: ({ prefixes }) => (prefixes === 0 ? '0.0.0.0/0, ::/0' : grouped(prefixes)),
  bytes: ({ bytes }) => grouped(bytes),
  'IPv4 hit': ({ hit4 }) => decimal(hit4),
  '... alone': ({ alone4 }) => decimal(alone4),
  'IPv4 miss': ({ miss4 }) => decimal(miss4),
  'IPv6 hit': ({ hit6 }) => decimal(hit6),
  '... alone ': ({ alone6 }) => decimal(alone6),
  'IPv6 miss': ({ miss6 }) => decimal(miss6),
  insert: ({ insert }) => grouped(insert),
  remove: ({ remove }) => grouped(remove),
};

function grouped(number) {
  return number.toLocaleString('en-US');
}

function decimal(number) {
  return number === undefined ? '-' : number.toFixed(1);
}

function runProgram() {
  const directory = mkdtempSync(join(tmpdir(), 'wg-ts-bench-'));
  try {
    const out = join(directory, 'allowedips');
    compile({ out, files: [...sources(...PARTS), SOURCE], program: true });
    const { status, stdout, stderr } = spawnSync(out, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`the program failed: ${stderr}`);
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function row(cells) {
  return `| ${cells.map((cell) => cell.trim()).join(' | ')} |`;
}

const rows = runProgram();
const names = Object.keys(COLUMNS);
console.log('Nanoseconds per lookup ("alone": each after the previous one) and per change.\n');
console.log(row(names));
console.log(row(names.map(() => '---:')));
for (const measured of rows) console.log(row(Object.values(COLUMNS).map((cell) => cell(measured))));
