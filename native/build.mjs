// Compiles the native library with the C compilers that are there: `npm run build:native`.
//
//   build.mjs                     for this machine, and with MinGW for Windows too, into dist/native;
//                                 without a compiler it says so and ends well
//   build.mjs --required          without a compiler for this machine it fails
//   build.mjs --target win32-x64  for Windows alone; without a compiler for it it fails
//
// CC names another compiler for this machine. Everything that compiles the library (tests, benchmarks,
// fuzzers) does it through `compile`, so that the flags stand in one place.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));

export const LIB = join(here, 'lib');
const WINDOWS = 'win32-x64';
const MINGW = 'x86_64-w64-mingw32-gcc';

const WARNINGS = ['-Wall', '-Wextra', '-Wconversion', '-Werror=implicit-function-declaration'];
const FLAGS = ['-std=c11', '-O3', '-g', '-fno-strict-aliasing'];

/** Of each system: its folder of `lib`, and what its compiler and linker are told. */
const SYSTEMS = {
  linux: {
    folder: 'linux',
    compilers: () => [process.env.CC, 'cc', 'gcc', 'clang'],
    flags: ['-D_GNU_SOURCE', '-fPIC', '-pthread'],
    libraries: [],
    hides: true,
    file: 'libwgts.so',
  },
  // The prototypes of Windows 10. Nothing of MinGW's may be needed where the DLL is used.
  win32: {
    folder: 'windows',
    compilers: () =>
      process.platform === 'win32' ? [process.env.CC, 'gcc', 'clang', MINGW] : [MINGW],
    flags: ['-D_WIN32_WINNT=0x0A00', '-DWIN32_LEAN_AND_MEAN', '-D__USE_MINGW_ANSI_STDIO=0'],
    libraries: ['-static', '-lws2_32'],
    hides: false,
    file: 'wgts.dll',
  },
};

const systemOf = (target) => SYSTEMS[target.startsWith('win32') ? 'win32' : 'linux'];

/** The C files of the library, or those of the given names (without folder and ending), for Linux. */
export function sources(...names) {
  return names.length === 0 ? sourcesFor('linux') : names.map((name) => join(LIB, `${name}.c`));
}

/** All C files of the library for a target such as `win32-x64`. */
export function sourcesFor(target) {
  return [LIB, join(LIB, systemOf(target).folder)].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.c'))
      .map((name) => join(folder, name)),
  );
}

/** The compiler's name, or undefined when there is none. */
export function findCompiler(candidates = SYSTEMS.linux.compilers()) {
  return candidates.find((name) => name && spawnSync(name, ['--version']).status === 0);
}

/**
 * Compiles `files` into the shared library (or, with `program`, the program) `out`. Everything of a
 * shared library is hidden but what its source exports; `exportAll` is for tests of the inner parts.
 * Throws with the compiler's words; answers them (warnings) otherwise.
 */
export function compile({
  out,
  files,
  flags = [],
  compiler,
  exportAll = false,
  program = false,
  target = 'linux',
}) {
  const system = systemOf(target);
  const cc = compiler ?? findCompiler(system.compilers());
  if (!cc) throw new Error(`there is no C compiler for ${target}: install gcc or clang`);
  mkdirSync(dirname(out), { recursive: true });
  // Under another name first: a process that has the old one loaded must not see it change.
  const unfinished = `${out}.${process.pid}`;
  const visibility = system.hides ? [`-fvisibility=${exportAll ? 'default' : 'hidden'}`] : [];
  const kind = program ? [] : ['-shared', ...visibility];
  const includes = [LIB, join(LIB, system.folder), here].map((folder) => `-I${folder}`);
  const all = [...FLAGS, ...system.flags, ...WARNINGS, ...includes, ...kind, ...flags];
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

/** `linux-x64`, `linux-arm64-musl`: the folder of the library of a machine. */
export function targetName() {
  const isMusl =
    process.platform === 'linux' && !process.report?.getReport().header.glibcVersionRuntime;
  return `${process.platform}-${process.arch}${isMusl ? '-musl' : ''}`;
}

/** Why it was not built, or undefined. */
function build(target) {
  const { file, compilers } = systemOf(target);
  if (!/^(linux|win32)-/.test(target)) return `no native data plane for ${target} yet`;
  if (!findCompiler(compilers()))
    return `no C compiler for ${target} here: the portable data plane will be used`;
  try {
    const words = compile({
      out: join(here, '..', 'dist', 'native', target, file),
      files: sourcesFor(target),
      target,
    });
    if (words) console.error(words);
    return undefined;
  } catch (error) {
    return error.message;
  }
}

function main({ required, target }) {
  const why = build(target ?? targetName());
  if (why !== undefined) {
    console.error(`build:native: ${why}`);
    process.exitCode = required || target !== undefined ? 1 : 0;
  }
  if (target !== undefined || process.platform !== 'linux' || !findCompiler([MINGW])) return;
  const whyNotWindows = build(WINDOWS);
  console.log(`build:native: ${whyNotWindows ?? `for Windows as well (${WINDOWS}, by ${MINGW})`}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  main(
    parseArgs({ options: { required: { type: 'boolean' }, target: { type: 'string' } } }).values,
  );
