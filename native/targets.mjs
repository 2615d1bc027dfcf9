// The machines that the native library is built for, and the compilers for them.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const LIB = join(dirname(fileURLToPath(import.meta.url)), 'lib');

const MINGW = 'x86_64-w64-mingw32-gcc';

/** For each system: its folder in `lib`, and the options for its compiler and linker. */
const SYSTEMS = {
  linux: {
    folder: 'linux',
    flags: ['-D_GNU_SOURCE', '-fPIC', '-pthread'],
    libraries: [],
    hides: true,
    file: 'libwgts.so',
  },
  // The prototypes of Windows 10. The DLL must not depend on any DLL of MinGW.
  win32: {
    folder: 'windows',
    flags: ['-D_WIN32_WINNT=0x0A00', '-DWIN32_LEAN_AND_MEAN', '-D__USE_MINGW_ANSI_STDIO=0'],
    libraries: ['-static', '-lws2_32'],
    hides: false,
    file: 'wgts.dll',
  },
};

const GLIBC = ['-include', join(LIB, 'linux', 'oldglibc.h')];
// The macros of musl's sys/socket.h mix signed and unsigned.
const MUSL = ['-Wno-conversion', '-Wno-sign-conversion', '-Wno-sign-compare'];

/**
 * For each target that the package has a library for: compilers for that target only, zig's name of the
 * target, flags, and the Debian package with such a compiler.
 */
const TARGETS = {
  'linux-x64': {
    compilers: ['x86_64-linux-gnu-gcc'],
    zig: 'x86_64-linux-gnu.2.28',
    flags: GLIBC,
    debian: 'gcc-x86-64-linux-gnu',
  },
  'linux-x64-musl': {
    compilers: ['x86_64-linux-musl-gcc', ...(process.arch === 'x64' ? ['musl-gcc'] : [])],
    zig: 'x86_64-linux-musl',
    flags: MUSL,
    debian: 'musl-tools',
  },
  'linux-arm64': {
    compilers: ['aarch64-linux-gnu-gcc'],
    zig: 'aarch64-linux-gnu.2.28',
    flags: GLIBC,
    debian: 'gcc-aarch64-linux-gnu',
  },
  'linux-arm64-musl': {
    compilers: ['aarch64-linux-musl-gcc', ...(process.arch === 'arm64' ? ['musl-gcc'] : [])],
    zig: 'aarch64-linux-musl',
    flags: MUSL,
  },
  'win32-x64': {
    compilers: [MINGW],
    zig: 'x86_64-windows-gnu',
    flags: [],
    debian: 'gcc-mingw-w64-x86-64',
  },
};

/** The targets of a release. */
export const RELEASED = Object.keys(TARGETS);
export const WINDOWS = 'win32-x64';

export const systemOf = (target) => SYSTEMS[target.startsWith('win32') ? 'win32' : 'linux'];

/** Returns the folder of this machine's library, for example `linux-x64` or `linux-arm64-musl`. */
export function targetName() {
  const isMusl =
    process.platform === 'linux' && !process.report?.getReport().header.glibcVersionRuntime;
  return `${process.platform}-${process.arch}${isMusl ? '-musl' : ''}`;
}

/** Returns the flags of a library that is distributed, in addition to those of `compile`. */
export function flagsOf(target) {
  return ['-g0', ...(TARGETS[target]?.flags ?? [])];
}

/** The compilers for this machine. */
export const OWN_COMPILERS = [process.env.CC, 'cc', 'gcc', 'clang'].filter(Boolean);

/**
 * Returns the compilers of a target, the best first, each as the words that a command line begins with.
 * zig compiles for all targets, but brings its own memcpy, which is slower than that of the C library.
 */
export function compilersOf(target) {
  const { compilers = [], zig } = TARGETS[target] ?? {};
  const own = target === targetName() ? OWN_COMPILERS : [];
  // -s, because -g0 does not remove the debugging information of what zig itself adds.
  const byZig = zig ? ['cc', '-target', zig, '-s'] : [];
  const zigs = zig ? [['zig'], ['python3', '-m', 'ziglang']] : [];
  return [...[...own, ...compilers].map((name) => [name]), ...zigs.map((z) => [...z, ...byZig])];
}

/** Returns how to get a compiler for a target, as a clause. */
export function adviceFor(target) {
  if (target === targetName()) return 'gcc or clang';
  const { debian, zig } = TARGETS[target] ?? {};
  const ways = [debian && `Debian's ${debian}`, zig && "zig, which is pip's ziglang"];
  return ways.filter(Boolean).join(', or ') || 'gcc or clang';
}

/** Returns whether a compiler is installed. */
export function isThere([program, ...args]) {
  return spawnSync(program, [...args, '--version']).status === 0;
}
