/** The native libraries of a release: for which machine each is, what it needs, that it loads there. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ABI_VERSION, EXPECTED_LAYOUT } from '../../native/layout.js';

interface Build {
  sourcesFor(target: string): string[];
  compile(compilation: {
    out: string;
    files: readonly string[];
    flags: readonly string[];
    target: string;
    program?: boolean;
  }): string;
}

interface Targets {
  readonly RELEASED: readonly string[];
  adviceFor(target: string): string;
  compilersOf(target: string): string[][];
  flagsOf(target: string): string[];
  isThere(compiler: readonly string[]): boolean;
}

const root = new URL('../../', import.meta.url);
// By computed names: TypeScript has no declarations of scripts.
const { compile, sourcesFor }: Build = await import(new URL('native/build.mjs', root).href);
const { adviceFor, compilersOf, flagsOf, isThere, RELEASED }: Targets = await import(
  new URL('native/targets.mjs', root).href
);

/** What Node 20 needs is 2.28; the library asks for less, so that it never is what does not load. */
const OLDEST_GLIBC = '2.17';
const COMPILE_MS = 400_000;
const LOADER = fileURLToPath(new URL('./load.c', import.meta.url));

const header = readFileSync(new URL('native/wg_ts.h', root), 'utf8');
const FUNCTIONS = [...new Set(Array.from(header.matchAll(/\bwg_ts_\w+(?=\()/g), ([name]) => name))];

interface Machine {
  /** As `readelf` names it. */
  readonly elf: string;
  /** What may be loaded with it; libpthread is part of libc since glibc 2.34. */
  readonly needed: RegExp;
  /** Runs a program of that machine. */
  readonly runner: readonly string[];
  /** What loads programs there. */
  readonly interpreter: string;
}

const X64 = 'Advanced Micro Devices X86-64';
const GLIBC_NEEDED = /^lib(?:c\.so\.6|pthread\.so\.0)$/;
const ARM_ROOT = '/usr/aarch64-linux-gnu';
const onArm: readonly string[] = process.arch === 'arm64' ? [] : ['qemu-aarch64', '-L', ARM_ROOT];
const armRoot = process.arch === 'arm64' ? '' : ARM_ROOT;

const MACHINES: Readonly<Record<string, Machine>> = {
  'linux-x64': {
    elf: X64,
    needed: GLIBC_NEEDED,
    runner: [],
    interpreter: '/lib64/ld-linux-x86-64.so.2',
  },
  'linux-x64-musl': {
    elf: X64,
    needed: /^libc\.so$/,
    runner: [],
    interpreter: '/lib/ld-musl-x86_64.so.1',
  },
  'linux-arm64': {
    elf: 'AArch64',
    needed: GLIBC_NEEDED,
    runner: onArm,
    interpreter: `${armRoot}/lib/ld-linux-aarch64.so.1`,
  },
  'linux-arm64-musl': {
    elf: 'AArch64',
    needed: /^libc\.so$/,
    runner: onArm,
    interpreter: `${armRoot}/lib/ld-musl-aarch64.so.1`,
  },
};

const folder = mkdtempSync(join(tmpdir(), 'wg-ts-prebuilt-'));
afterAll(() => rmSync(folder, { recursive: true }));

const hasCompiler = (target: string): boolean => compilersOf(target).some(isThere);
const hasProgram = (name: string): boolean => spawnSync(name, ['--version']).status === 0;

function whyNot(target: string): string | undefined {
  if (!hasCompiler(target)) return `no compiler: ${adviceFor(target)}`;
  return hasProgram('readelf') ? undefined : 'no readelf';
}

function whyNotRun({ runner: [emulator], interpreter }: Machine): string | undefined {
  if (process.platform !== 'linux') return 'not Linux';
  if (emulator !== undefined && !hasProgram(emulator)) return `no ${emulator}`;
  if (emulator === undefined && process.arch !== 'x64') return 'not x86-64';
  return existsSync(interpreter) ? undefined : `no ${interpreter}`;
}

const skipWord = (why: string | undefined): string => (why ? ` (skipped: ${why})` : '');

function output(command: string, ...args: string[]): string {
  const { stdout, stderr, status, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command}: ${error?.message ?? stderr}`);
  return stdout;
}

function compiled(target: string, file: string, program?: string): string {
  const out = join(folder, `${target}-${file}`);
  const files = program ? [program] : sourcesFor(target);
  const flags = [...flagsOf(target), ...(program ? ['-ldl'] : ['-Werror'])];
  compile({ out, files, flags, target, program: program !== undefined });
  return out;
}

const captures = (text: string, pattern: RegExp): string[] =>
  Array.from(text.matchAll(pattern), ([, capture = '']) => capture);

const byVersion = new Intl.Collator('en', { numeric: true }).compare;

/** Nothing of Debian's compiles for arm64 with musl, or runs it: what lacks is then left out unnamed. */
const isOptional = (target: string): boolean => target === 'linux-arm64-musl';
const targets = Object.entries(MACHINES).filter(
  ([target]) => !isOptional(target) || hasCompiler(target),
);

it('are those that are described here', () => {
  expect([...Object.keys(MACHINES), 'win32-x64'].sort()).toEqual([...RELEASED].sort());
});

describe.each(targets)('the library of %s', (target, machine) => {
  const why = whyNot(target);
  const here = it.skipIf(why !== undefined);
  const word = skipWord(why);
  let library: string;

  beforeAll(() => {
    if (why === undefined) library = compiled(target, 'libwgts.so');
  }, COMPILE_MS);

  here(`is for that machine and needs nothing but its C library${word}`, () => {
    const text = output('readelf', '-hdW', library);
    expect(/Machine: +(.*)/.exec(text)?.[1]).toBe(machine.elf);
    const needed = captures(text, /\(NEEDED\).*\[(.*)\]/g);
    expect(needed.length).toBeGreaterThan(0);
    expect(needed.filter((name) => !machine.needed.test(name))).toEqual([]);
  });

  here(`loads with glibc ${OLDEST_GLIBC} and newer, or with musl${word}`, () => {
    const versions = captures(output('readelf', '-VW', library), /\bGLIBC_([\d.]+)/g);
    if (target.endsWith('musl')) expect(versions).toEqual([]);
    else expect(versions.sort(byVersion).at(-1)).toBe(OLDEST_GLIBC);
  });

  here(`exports the functions of wg_ts.h, and does without OpenSSL${word}`, () => {
    const symbols = output('readelf', '--dyn-syms', '-W', library);
    const exported = captures(symbols, /FUNC +GLOBAL +DEFAULT +\d+ (\w+)$/gm);
    expect(exported.filter((name) => !/^_(?:init|fini)$/.test(name)).sort()).toEqual(
      FUNCTIONS.toSorted(),
    );
    const cipher = captures(symbols, /(\w+) +DEFAULT +UND EVP_CipherUpdate$/gm);
    expect(cipher).toEqual(['WEAK']);
  });

  const whyStill = why ?? whyNotRun(machine);
  if (whyStill !== undefined && isOptional(target)) return;
  it.skipIf(whyStill !== undefined)(
    `loads there, with the expected ABI and layout${skipWord(whyStill)}`,
    { timeout: COMPILE_MS },
    () => {
      const program = compiled(target, 'load', LOADER);
      const [command = program, ...args] = [...machine.runner, program, library];
      expect(output(command, ...args).trim()).toBe([ABI_VERSION, ...EXPECTED_LAYOUT].join(' '));
    },
  );
});

const whyNotWindows = hasCompiler('win32-x64') ? undefined : adviceFor('win32-x64');

describe('the library of win32-x64', () => {
  it.skipIf(whyNotWindows !== undefined)(
    `needs nothing but Windows' own${skipWord(whyNotWindows && `no compiler: ${whyNotWindows}`)}`,
    { timeout: COMPILE_MS },
    () => {
      const library = readFileSync(compiled('win32-x64', 'wgts.dll'), 'latin1');
      const names = new Set(captures(library, /\0([\w-]+\.dll)(?=\0)/gi));
      names.delete('wgts.dll');
      expect([...names].map((name) => name.toLowerCase()).sort()).toEqual([
        'kernel32.dll',
        'msvcrt.dll',
        'ws2_32.dll',
      ]);
    },
  );
});
