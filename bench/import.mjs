// Measures the cost of importing wg-ts and of starting its command line: medians of fresh processes, in turn.
//
// node bench/import.mjs [--repeats 21] [dist...]
//
// Several dist folders, such as one of another checkout, are compared side by side.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { cell, ratio, table } from './tables.mjs';

const { values, positionals } = parseArgs({
  options: { repeats: { type: 'string', default: '21' } },
  allowPositionals: true,
});
const repeats = Number(values.repeats);
const dists =
  positionals.length > 0 ? positionals : [fileURLToPath(new URL('../dist', import.meta.url))];

/** Prints the milliseconds of the import and the processor time that it took in all threads. */
const TIMED = `
  const begin = performance.now();
  const used = process.cpuUsage();
  await import(process.argv[1]);
  const { user, system } = process.cpuUsage(used);
  console.log(JSON.stringify([performance.now() - begin, (user + system) / 1000]));`;

const imports = [
  ['ws', import.meta.resolve('ws')],
  ...dists.flatMap((dist) => [
    [`wg-ts (${dist})`, urlIn(dist, 'src/index.js')],
    [`wg-ts/protocol (${dist})`, urlIn(dist, 'protocol/index.js')],
  ]),
].map(([name, url]) => ({ name, run: () => timedImport(url) }));

const programs = [
  ['node, nothing else', ['--eval', '0']],
  ...dists.flatMap((dist) =>
    ['--help', 'version', 'genkey'].map((verb) => [
      `wg-ts ${verb} (${dist})`,
      [path.resolve(dist, 'cli/main.js'), verb],
    ]),
  ),
].map(([name, args]) => ({ name, run: () => timedProgram(args) }));

function urlIn(dist, file) {
  return pathToFileURL(path.resolve(dist, file)).href;
}

function timedImport(url) {
  const args = ['--input-type=module', '--eval', TIMED, url];
  const [wall, processor] = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
  return { wall, processor };
}

function timedProgram(args) {
  const begin = performance.now();
  execFileSync(process.execPath, args, { stdio: 'ignore' });
  return { wall: performance.now() - begin };
}

/** Measures in turn, so that other load on the machine affects all alike; the first round is a warm-up. */
function measure(subjects) {
  const figures = new Map(subjects.map(({ name }) => [name, { wall: [], processor: [] }]));
  for (let round = 0; round <= repeats; round++)
    for (const { name, run } of round % 2 === 0 ? subjects : subjects.toReversed()) {
      const found = run();
      if (round === 0) continue;
      for (const [key, value] of Object.entries(found)) figures.get(name)[key].push(value);
    }
  return figures;
}

const ofImports = measure(imports);
const reference = ofImports.get('ws').wall;
console.log(
  table(
    ['import in a fresh process', 'ms', 'to ws', 'ms of processor time'],
    [...ofImports].map(([name, { wall, processor }]) => [
      name,
      cell(wall),
      ratio(wall, reference),
      cell(processor),
    ]),
  ),
);
const ofPrograms = measure(programs);
const bare = ofPrograms.get('node, nothing else').wall;
console.log(
  `\n${table(
    ['whole process', 'ms', 'to node alone'],
    [...ofPrograms].map(([name, { wall }]) => [name, cell(wall), ratio(wall, bare)]),
  )}`,
);
