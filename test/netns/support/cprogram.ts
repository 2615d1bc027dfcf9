import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Lab } from './lab.js';

interface Build {
  findCompiler(): string | undefined;
  targetName(): string;
  compile(compilation: { out: string; files: readonly string[]; program: boolean }): string;
}

const root = new URL('../../../', import.meta.url);

// By a computed name: TypeScript has no declarations of a script.
export const build: Build = await import(new URL('native/build.mjs', root).href);

/** Compiles `NAME.c` of this folder into the lab's; returns the program's path. */
export function cProgram(lab: Lab, name: 'datagrams' | 'relay'): string {
  const out = join(lab.folder, name);
  const file = fileURLToPath(new URL(`./${name}.c`, import.meta.url));
  const warnings = build.compile({ out, files: [file], program: true });
  if (warnings !== '') throw new Error(warnings);
  return out;
}
