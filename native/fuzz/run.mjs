// Fuzzes the native library with libFuzzer and the sanitizers: every C file next to this one is a
// target. In its comment, the line "Sources: NAME..." lists the files of native/lib that it needs (*:
// all), and the optional line "Flags: FLAG..." has more options for the compiler.
//
//   run.mjs [--seconds N] [TARGET...]
//
// N seconds each, by default 20; all targets when none is named. Starts from a copy of corpus/TARGET. Exits
// with 1 when a target fails, and prints where the failing input is kept; with 2 when it cannot run at all.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compile, findCompiler, sources } from '../build.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const SANITIZERS = [
  '-O1',
  '-fsanitize=fuzzer,address,undefined',
  '-fno-sanitize-recover=undefined',
  '-fno-omit-frame-pointer',
];

const targets = readdirSync(here)
  .filter((name) => name.endsWith('.c'))
  .map((name) => name.slice(0, -2));

function usage(why) {
  console.error(`fuzz: ${why}`);
  process.exit(2);
}

/** Returns the words of the line "NAME: ..." in a target's comment. */
function wordsOf(target, name) {
  const text = readFileSync(join(here, `${target}.c`), 'utf8');
  const words = new RegExp(`\\b${name}: (.+?)(?: \\*/)?$`, 'm').exec(text)?.[1];
  return words?.trim().split(/\s+/) ?? [];
}

function build(target, folder) {
  const names = wordsOf(target, 'Sources');
  if (names.length === 0) throw new Error(`${target}.c has no line "Sources: NAME..."`);
  const out = join(folder, target);
  const tested = names[0] === '*' ? sources() : sources(...names);
  const files = [join(here, `${target}.c`), ...tested];
  const flags = [`-I${here}`, ...SANITIZERS, ...wordsOf(target, 'Flags')];
  const words = compile({ out, files, flags, compiler: 'clang', program: true });
  if (words) console.error(words);
  return out;
}

/** Returns whether fuzzing found nothing. Any findings stay in `folder`. */
function fuzz(target, seconds, folder) {
  const program = build(target, folder);
  const corpus = join(folder, 'corpus');
  const kept = join(here, 'corpus', target);
  mkdirSync(corpus);
  if (existsSync(kept)) cpSync(kept, corpus, { recursive: true });
  const { status, stderr } = spawnSync(
    program,
    [
      `-max_total_time=${seconds}`,
      `-artifact_prefix=${folder}/`,
      '-max_len=4096',
      '-timeout=10',
      '-rss_limit_mb=1024',
      '-print_final_stats=1',
      corpus,
    ],
    { encoding: 'utf8', maxBuffer: 1 << 26, timeout: (seconds + 60) * 1000 },
  );
  const executions = /number_of_executed_units:\s*(\d+)/.exec(stderr)?.[1] ?? 'unknown';
  if (status === 0) {
    console.log(`${target}: ${executions} executions, nothing found`);
    return true;
  }
  console.error(stderr.split('\n').slice(-80).join('\n'));
  console.error(`${target}: failed after ${executions} executions; see ${folder}`);
  return false;
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { seconds: { type: 'string', default: '20' } },
    });
  } catch (error) {
    return usage(error.message);
  }
}

const { values, positionals } = parse();
const seconds = Number(values.seconds);
if (!Number.isInteger(seconds) || seconds < 1) usage('--seconds takes a whole number from 1 on');
const chosen = positionals.length > 0 ? positionals : targets;
const unknown = chosen.filter((target) => !targets.includes(target));
if (unknown.length > 0) usage(`no target ${unknown.join(', ')}: there are ${targets.join(', ')}`);
if (!findCompiler(['clang']))
  usage('needs clang with libFuzzer (on Debian: clang and libclang-rt-dev)');

for (const target of chosen) {
  const folder = mkdtempSync(join(tmpdir(), `wg-ts-fuzz-${target}-`));
  let isGood = false;
  try {
    isGood = fuzz(target, seconds, folder);
  } catch (error) {
    rmSync(folder, { recursive: true });
    usage(error.message);
  }
  if (isGood) rmSync(folder, { recursive: true });
  else process.exitCode = 1;
}
