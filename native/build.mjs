// Compiles the native library with the C compilers that are installed: `npm run build:native`.
//
//   build.mjs                     for this machine, and with MinGW for Windows too, into dist/native, where a
//                                 source is newer; reports a missing compiler and still succeeds
//   build.mjs --required          fails without a compiler for this machine
//   build.mjs --target win32-x64  for Windows only; fails without a compiler for it
//   build.mjs --release           for every machine that the package has a library for; reports those
//                                 that are missing, and with --required fails if any is
//
// CC names another compiler for this machine. Everything that compiles the library (tests, benchmarks,
// fuzzers) does so through `compile`, so that the flags are in one place.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import {
  adviceFor,
  compilersOf,
  flagsOf,
  isThere,
  OWN_COMPILERS,
  RELEASED,
  systemOf,
  targetName,
  WINDOWS,
} from './targets.mjs';

export { targetName } from './targets.mjs';

const here = dirname(fileURLToPath(import.meta.url));

export const LIB = join(here, 'lib');

const WARNINGS = ['-Wall', '-Wextra', '-Wconversion', '-Werror=implicit-function-declaration'];
const FLAGS = ['-std=c11', '-O3', '-g', '-fno-strict-aliasing'];

/** Returns the C files of the library for Linux, or only those of the given names (without folder and `.c`). */
export function sources(...names) {
  return names.length === 0 ? sourcesFor('linux') : names.map((name) => join(LIB, `${name}.c`));
}

/** Returns all C files of the library for a target such as `win32-x64`. */
export function sourcesFor(target) {
  return [LIB, join(LIB, systemOf(target).folder)].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.c'))
      .map((name) => join(folder, name)),
  );
}

/** Returns the compiler's name, or undefined when there is none. */
export function findCompiler(candidates = OWN_COMPILERS) {
  return candidates.find((name) => isThere([name]));
}

/**
 * Compiles `files` into the shared library (or, with `program`, the program) `out`. Everything in a
 * shared library is hidden except what its source exports; `exportAll` is for tests of the inner parts.
 * `compiler` is a name, or the words that its command line begins with; by default the compiler of the
 * target, or of this machine. Throws an error with the compiler's output; otherwise returns that output
 * (warnings).
 */
export function compile({
  out,
  files,
  flags = [],
  compiler,
  exportAll = false,
  program = false,
  target,
}) {
  const system = systemOf(target ?? 'linux');
  const words = compiler ?? (target ? compilersOf(target).find(isThere) : findCompiler());
  if (!words) throw new Error(`there is no C compiler for ${target ?? 'this machine'}`);
  const [cc, ...first] = [words].flat();
  mkdirSync(dirname(out), { recursive: true });
  // Under another name first: a process that has the old library loaded must not see it change.
  const unfinished = `${out}.${process.pid}`;
  const visibility = system.hides ? [`-fvisibility=${exportAll ? 'default' : 'hidden'}`] : [];
  const kind = program ? [] : ['-shared', ...visibility];
  const includes = [LIB, join(LIB, system.folder), here].map((folder) => `-I${folder}`);
  const all = [...first, ...FLAGS, ...system.flags, ...WARNINGS, ...includes, ...kind, ...flags];
  const { status, stderr, error } = spawnSync(
    cc,
    [...all, ...files, '-o', unfinished, ...system.libraries],
    { encoding: 'utf8' },
  );
  if (status !== 0) {
    rmSync(unfinished, { force: true });
    throw new Error(`${cc} failed:\n${error?.message ?? stderr}`);
  }
  renameSync(unfinished, out);
  return stderr;
}

/** Returns where the library of a target is built, within the package. */
const placeOf = (target) => join(here, '..', 'dist', 'native', target, systemOf(target).file);

/** Returns whether a library is at least as new as all that it is made of, and is made by the usual compiler. */
function isCurrent(out) {
  const builtAt = statSync(out, { throwIfNoEntry: false })?.mtimeMs;
  if (builtAt === undefined || process.env.CC) return false;
  const files = readdirSync(here, { recursive: true }).filter((name) =>
    /\.(?:c|h|mjs)$/.test(name),
  );
  return files.every((name) => statSync(join(here, name)).mtimeMs <= builtAt);
}

/** Builds the library of a target. Returns `{ by }` with its compiler, or `{ why }` there is no library. */
function build(target) {
  if (!/^(linux|win32)-/.test(target)) return { why: `no native data plane for ${target} yet` };
  const compiler = compilersOf(target).find(isThere);
  if (!compiler) return { why: `no C compiler for ${target} here (${adviceFor(target)})` };
  try {
    const out = placeOf(target);
    const files = sourcesFor(target);
    const begun = new Date();
    const words = compile({ out, files, flags: flagsOf(target), compiler, target });
    // A source that was changed meanwhile is newer.
    utimesSync(out, begun, begun);
    if (words) console.error(words);
    return { by: compiler.join(' ') };
  } catch (error) {
    return { why: error.message };
  }
}

function buildHere(target, isRequired) {
  if (isCurrent(placeOf(target))) return;
  const { why } = build(target);
  if (why === undefined) return;
  const what = isRequired ? '' : ': the portable data plane will be used';
  console.error(`build:native: ${why}${what}`);
  if (isRequired) process.exitCode = 1;
}

/** Builds for Windows with MinGW, which takes a second; zig would take many at each build. */
function buildForWindowsToo() {
  if (!isThere(compilersOf(WINDOWS)[0]) || isCurrent(placeOf(WINDOWS))) return;
  const { by, why } = build(WINDOWS);
  console.log(`build:native: ${why ?? `for Windows as well (${WINDOWS}, by ${by})`}`);
}

function buildRelease(isRequired) {
  for (const target of RELEASED) {
    const { by, why } = build(target);
    // A library of an earlier build would be taken for one of this build.
    if (why !== undefined) rmSync(placeOf(target), { force: true });
    console.log(`build:release: ${target}: ${why === undefined ? `by ${by}` : `missing: ${why}`}`);
    if (why !== undefined && isRequired) process.exitCode = 1;
  }
}

function main({ required = false, release, target }) {
  if (release) return buildRelease(required);
  if (target !== undefined) return buildHere(target, true);
  buildHere(targetName(), required);
  if (process.platform === 'linux') buildForWindowsToo();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  main(
    parseArgs({
      options: {
        required: { type: 'boolean' },
        release: { type: 'boolean' },
        target: { type: 'string' },
      },
    }).values,
  );
