/**
 * Once for a run of the project `program`, after the build: a copy of what the program consists of, where
 * the checkout lies in a folder that only root can enter, for those tests that run it without privileges.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isRoot, NOBODY, READABLE_COPY, ROOT } from './support.js';

const PARTS = ['package.json', 'dist', 'native', 'configs', 'examples', 'man'];
/** Packages for development that an example needs. */
const FOR_EXAMPLES = ['node_modules/ws'];

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
}

let copy: string | undefined;

export async function setup(): Promise<void> {
  if (!isRoot()) return;
  const lock = path.join(ROOT, 'package-lock.json');
  if (worksAsNobody(`require('node:fs').readFileSync(${JSON.stringify(lock)})`)) return;
  copy = mkdtempSync(path.join(tmpdir(), 'wg-ts-readable-'));
  for (const part of [...PARTS, ...productionPackages(), ...FOR_EXAMPLES]) copyPart(part, copy);
  if (!worksAsNobody('')) copyFileSync(process.execPath, path.join(copy, 'node'));
  execFileSync('chmod', ['-R', 'a+rX', copy]);
  process.env[READABLE_COPY] = copy;
}

export function teardown(): void {
  if (copy !== undefined) rmSync(copy, { recursive: true });
}

function worksAsNobody(script: string): boolean {
  const options = { cwd: '/', stdio: 'ignore', uid: NOBODY, gid: NOBODY } as const;
  return spawnSync(process.execPath, ['-e', script], options).status === 0;
}

/** Folders below node_modules that the program may load from; those of other machines are not there. */
function productionPackages(): string[] {
  const text = readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8');
  return Object.entries((JSON.parse(text) as Lock).packages)
    .filter(([folder, { dev }]) => folder !== '' && dev !== true)
    .map(([folder]) => folder);
}

function copyPart(part: string, to: string): void {
  const from = path.join(ROOT, part);
  if (existsSync(from)) cpSync(from, path.join(to, part), { recursive: true, dereference: true });
}
