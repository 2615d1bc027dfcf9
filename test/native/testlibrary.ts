/** Parts of the native library, compiled and loaded for the tests of their inner functions. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import koffi, { type LibraryHandle } from 'koffi';

interface Compilation {
  out: string;
  files: string[];
  flags?: readonly string[];
  compiler?: string;
  exportAll?: boolean;
  program?: boolean;
}

interface Build {
  sources(): string[];
  findCompiler(): string | undefined;
  compile(compilation: Compilation): string;
}

export interface TestLibraryOptions {
  /** Paths from the root of the repository, or absolute ones. */
  readonly files: readonly string[];
  readonly flags?: readonly string[];
}

const root = new URL('../../', import.meta.url);
// By a computed name: TypeScript has no declarations of a script.
const build: Build = await import(new URL('native/build.mjs', root).href);

/** Why no test library can be made here, or undefined: the reason of skipped tests. */
export const whyNoTestLibrary: string | undefined = reason();

function reason(): string | undefined {
  if (process.platform !== 'linux') return 'the native library is for Linux';
  return build.findCompiler() ? undefined : 'no C compiler here';
}

/**
 * Compiles `files` with all of their functions exported, and loads the result. It stays loaded until
 * the process ends; of its files nothing is left. Throws with the compiler's words.
 */
export function loadTestLibrary(name: string, options: TestLibraryOptions): LibraryHandle {
  return withCompiled(name, { exportAll: true }, options, (path) => koffi.load(path));
}

/** The whole native library, or `files` in its stead, as what is loaded in earnest. */
export function compileLibrary(
  out: string,
  flags: readonly string[] = [],
  files: readonly string[] = build.sources(),
  compiler?: string,
): void {
  build.compile({ out, files: [...files], flags, ...(compiler !== undefined && { compiler }) });
}

/** All files of the native library for this machine. */
export function librarySources(): string[] {
  return build.sources();
}

/** Whether this machine has a compiler of that name. */
export function hasCompiler(name: string): boolean {
  return spawnSync(name, ['--version']).status === 0;
}

/** Compiles `files` into a program and runs it, with `argv` before its path; a minute at most. */
export function runTestProgram(
  name: string,
  { argv = [], ...options }: TestLibraryOptions & { readonly argv?: readonly string[] },
): { status: number | null; stderr: string } {
  return withCompiled(name, { program: true }, options, (path) => {
    const [command = path, ...args] = [...argv, path];
    const { status, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 240_000 });
    return { status, stderr };
  });
}

function withCompiled<T>(
  name: string,
  kind: Pick<Compilation, 'exportAll' | 'program'>,
  { files, flags = [] }: TestLibraryOptions,
  use: (path: string) => T,
): T {
  const directory = mkdtempSync(join(tmpdir(), `wg-ts-${name}-`));
  try {
    const out = join(directory, name);
    const paths = files.map((file) => resolve(fileURLToPath(root), file));
    build.compile({ out, files: paths, flags, ...kind });
    return use(out);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
