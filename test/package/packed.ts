/** The package as npm would upload it, where a program that depends on it has it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { runProgram } from '../program/support.js';

export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

export interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
  readonly man: readonly string[];
  readonly bin: Readonly<Record<string, string>>;
}

/** What `npm pack --json` prints about a package. */
interface Listing {
  readonly filename: string;
  /** Bytes of the tarball. */
  readonly size: number;
  /** Bytes of the files in it. */
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

const NPM_MS = 240_000;

/** Packs the checkout; with `options` such as `--dry-run`. Needs no registry. */
export async function pack(...options: string[]): Promise<Listing> {
  // Without scripts: `prepare` would build once more.
  const argv = ['pack', '--json', '--ignore-scripts', ...options];
  const stdout = execFileSync('npm', argv, {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: NPM_MS,
    shell: process.platform === 'win32',
  });
  const [listing] = JSON.parse(stdout) as Listing[];
  if (listing === undefined) throw new Error(`npm pack told nothing: ${stdout}`);
  return listing;
}

/** A folder with the package in its node_modules: its files, and the checkout's own dependencies. */
export interface Installed {
  readonly folder: string;
  readonly package: string;
  readonly manifest: Manifest;
  remove(): void;
}

/** `others`: packages of the checkout that are there as well, such as `@types/node`. */
export async function installPacked(...others: string[]): Promise<Installed> {
  const folder = mkdtempSync(join(tmpdir(), 'wg-ts-packed-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const { filename } = await pack('--pack-destination', folder);
    const target = join(folder, 'node_modules', 'wg-ts');
    mkdirSync(target, { recursive: true });
    const tarball = join(folder, filename);
    execFileSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', target]);
    const manifest = JSON.parse(readFileSync(join(target, 'package.json'), 'utf8')) as Manifest;
    for (const name of [...Object.keys(manifest.dependencies), ...others]) {
      const link = join(folder, 'node_modules', name);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(ROOT, 'node_modules', name), link, 'junction');
    }
    return { folder, package: target, manifest, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/**
 * What a program that depends on the package prints as JSON. Node has to end it with 0 and without a word
 * on stderr, such as a warning.
 */
export async function outputOf(installed: Installed, name: string, text: string): Promise<unknown> {
  const file = join(installed.folder, name);
  writeFileSync(file, text);
  const { code, stdout, stderr } = await runProgram(process.execPath, [file]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}
