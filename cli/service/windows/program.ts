/** A copy of the program that only administrators can change, for services, which run as SYSTEM. */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import path from 'node:path';
import { packageVersion } from '../../../src/packageversion.js';
import { WgTsError } from '../../../system/errors.js';
import { knownFolder } from '../../../system/windows/folders.js';
import { type ProgramFile, packageParts, packageRoot, programFiles } from './package.js';

const NODE = 'node.exe';
const MAIN = path.join('dist', 'cli', 'main.js');

/** How a program is started. */
export interface Program {
  readonly node: string;
  /** Options of node itself, before the script. */
  readonly nodeOptions?: readonly string[];
  readonly script: string;
}

export interface ProgramPlaces {
  /** The folder of all copies. */
  readonly programs?: string;
  /** The folder of the package. */
  readonly root?: string;
  /** The node.exe to copy. */
  readonly node?: string;
}

/** `C:\Program Files\wg-ts`, where only administrators can write. */
export function programsFolder(): string {
  return path.win32.join(knownFolder('ProgramFiles'), 'wg-ts');
}

/**
 * Copies node.exe and the package to a folder that is named after its content: each version gets its own
 * folder, and a running service keeps the one it uses. Throws WgTsError ERR_FILE.
 */
export function installProgram(places: ProgramPlaces = {}): Program {
  const { programs = programsFolder(), root = packageRoot(), node = process.execPath } = places;
  if (!existsSync(path.join(root, MAIN)))
    throw new WgTsError('ERR_FILE', `${path.join(root, MAIN)} is missing`, {
      hint: 'build it first: npm run build',
    });
  const files = [{ from: node, to: NODE }, ...programFiles(packageParts(root))].sort((a, b) =>
    a.to < b.to ? -1 : 1,
  );
  refuseLink(programs);
  mkdirSync(programs, { recursive: true });
  const hash = hashOf(files.map(({ from, to }) => ({ path: from, name: to })));
  const folder = path.join(programs, `${packageVersion()}-${hash.slice(0, 16)}`);
  refuseLink(folder);
  if (!isWhole(folder, files, hash)) copyAll(folder, files, hash);
  return { node: path.join(folder, NODE), script: path.join(folder, MAIN) };
}

/** Removes the copies that no command line in `used` refers to, and the folder when none is left. */
export function removeUnusedPrograms(
  used: readonly string[],
  programs: string = programsFolder(),
): void {
  if (!existsSync(programs)) return;
  refuseLink(programs);
  const lines = used.map((line) => line.toLowerCase());
  for (const entry of readdirSync(programs)) {
    const folder = path.join(programs, entry);
    const isUsed = lines.some((line) => line.includes(`${folder.toLowerCase()}${path.sep}`));
    // A copy that is still running keeps its files until the next call.
    if (!isUsed) removeFolder(folder);
  }
  if (readdirSync(programs).length === 0) removeFolder(programs);
}

function removeFolder(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EBUSY' && code !== 'EPERM' && code !== 'EACCES' && code !== 'ENOTEMPTY')
      throw error;
  }
}

function isWhole(folder: string, files: readonly ProgramFile[], hash: string): boolean {
  try {
    const copies = files.map(({ to }) => ({ path: path.join(folder, to), name: to }));
    return hashOf(copies) === hash;
  } catch {
    return false;
  }
}

/** Copies to a temporary folder first, so that there is never an incomplete copy. */
function copyAll(folder: string, files: readonly ProgramFile[], hash: string): void {
  const temporary = `${folder}.new`;
  try {
    rmSync(temporary, { recursive: true, force: true });
    for (const { from, to } of files) {
      const target = path.join(temporary, to);
      mkdirSync(path.dirname(target), { recursive: true });
      copyFileSync(from, target);
    }
    if (!isWhole(temporary, files, hash))
      throw new WgTsError('ERR_FILE', `${temporary} differs from the files that were copied`, {
        hint: 'did the package change in the meantime? Try again',
      });
    rmSync(folder, { recursive: true, force: true });
    renameSync(temporary, folder);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw error;
  }
}

function refuseLink(folder: string): void {
  if (existsSync(folder) && !lstatSync(folder).isDirectory())
    throw new WgTsError('ERR_FILE', `${folder} is a link or a file instead of a folder`, {
      hint: 'remove it, and try again',
    });
}

function hashOf(files: readonly { readonly path: string; readonly name: string }[]): string {
  const hash = createHash('sha256');
  for (const file of files) {
    const content = createHash('sha256').update(readFileSync(file.path)).digest('hex');
    hash.update(`${file.name.replaceAll('\\', '/')} ${content}\n`);
  }
  return hash.digest('hex');
}
