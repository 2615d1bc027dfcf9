// Compiles the native library with the C compiler that is there: `npm run build:native`.
//
//   build.mjs              for this machine, into dist/native; without a compiler it says so and ends well
//   build.mjs --required   without a compiler it fails
//
// CC names another compiler. Everything that compiles the library (tests, benchmarks, fuzzers) does
// it through `compile`, so that the flags stand in one place.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

export const LIB = join(here, 'lib');

const WARNINGS = ['-Wall', '-Wextra', '-Wconversion', '-Werror=implicit-function-declaration'];
const FLAGS = [
  '-std=c11',
  '-D_GNU_SOURCE',
  '-O3',
  '-g',
  '-fPIC',
  '-pthread',
  '-fno-strict-aliasing',
];

/** The C files of the library, or those of the given names (without folder and ending). */
export function sources(...names) {
  const all = readdirSync(LIB).filter((name) => name.endsWith('.c'));
  const chosen = names.length === 0 ? all : names.map((name) => `${name}.c`);
  return chosen.map((name) => join(LIB, name));
}

/** The compiler's name, or undefined when there is none. */
export function findCompiler(candidates = [process.env.CC, 'cc', 'gcc', 'clang']) {
  return candidates.find((name) => name && spawnSync(name, ['--version']).status === 0);
}

/**
 * Compiles `files` into the shared library (or, with `program`, the program) `out`. Everything of a
 * shared library is hidden but what its source exports; `exportAll` is for tests of the inner parts.
 * Throws with the compiler's words; answers them (warnings) otherwise.
 */
export function compile({ out, files, flags = [], compiler, exportAll = false, program = false }) {
  const cc = compiler ?? findCompiler();
  if (!cc) throw new Error('there is no C compiler: install gcc or clang');
  mkdirSync(dirname(out), { recursive: true });
  // Under another name first: a process that has the old one loaded must not see it change.
  const unfinished = `${out}.${process.pid}`;
  const kind = program ? [] : ['-shared', `-fvisibility=${exportAll ? 'default' : 'hidden'}`];
  const args = [...FLAGS, ...WARNINGS, `-I${LIB}`, `-I${here}`, ...kind, ...flags, ...files];
  const { status, stderr, error } = spawnSync(cc, [...args, '-o', unfinished], {
    encoding: 'utf8',
  });
  if (status !== 0) {
    rmSync(unfinished, { force: true });
    throw new Error(`${cc} failed:\n${error?.message ?? stderr}`);
  }
  renameSync(unfinished, out);
  return stderr;
}

/** `linux-x64`, `linux-arm64-musl`: the folder of the library of a machine. */
export function targetName() {
  const isMusl =
    process.platform === 'linux' && !process.report?.getReport().header.glibcVersionRuntime;
  return `${process.platform}-${process.arch}${isMusl ? '-musl' : ''}`;
}

function main(required) {
  const fail = (message) => {
    console.error(`build:native: ${message}`);
    process.exitCode = required ? 1 : 0;
  };
  if (process.platform !== 'linux') return fail(`no native data plane for ${process.platform} yet`);
  if (!findCompiler()) return fail('no C compiler here: the portable data plane will be used');
  const out = join(here, '..', 'dist', 'native', targetName(), 'libwgts.so');
  try {
    const words = compile({ out, files: sources() });
    if (words) console.error(words);
  } catch (error) {
    fail(error.message);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  main(process.argv.includes('--required'));
