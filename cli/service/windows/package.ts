/** The files of the installed program: the package and everything that it needs to run. */
import { lstatSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { WgTsError } from '../../../system/errors.js';

/** One folder of files, copied as a whole. */
export interface PackagePart {
  readonly from: string;
  /** The path below the folder of the program; empty means that folder itself. */
  readonly to: string;
  /** The entries that are copied; absent means all. */
  readonly only?: readonly string[];
}

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** The parts needed to run; the rest of the package is for building and testing. */
const OWN_PARTS = ['package.json', 'dist'];

/** Returns the folder of wg-ts's package.json, above `cli/service/windows` or `dist/cli/service/windows`. */
export function packageRoot(): string {
  const here = path.dirname(fileURLToPath(import.meta.url));
  const found = ['../../..', '../../../..']
    .map((up) => path.resolve(here, up))
    .find((folder) => readManifest(folder)?.name === 'wg-ts');
  if (found === undefined) throw new WgTsError('ERR_FILE', 'the package of wg-ts is incomplete');
  return found;
}

/**
 * Returns the package of `root` and its production dependencies, each where Node.js finds it. Of two
 * versions of a package, the one found later is placed below its dependent. Throws WgTsError ERR_FILE.
 */
export function packageParts(root: string): PackagePart[] {
  const parts: PackagePart[] = [{ from: root, to: '', only: OWN_PARTS }];
  const shared = new Map<string, string>();
  const visit = (folder: string, to: string, chain: readonly string[]): void => {
    for (const { name, isOptional } of dependenciesOf(folder)) {
      const from = findDependency(folder, name);
      if (from === undefined) {
        if (isOptional) continue;
        throw new WgTsError('ERR_FILE', `${name}, which ${folder} needs, is not installed`, {
          hint: 'install wg-ts again: npm install --global wg-ts',
        });
      }
      if (shared.get(name) === from || chain.includes(from)) continue;
      const isFirst = !shared.has(name);
      if (isFirst) shared.set(name, from);
      const place = path.join(isFirst ? '' : to, 'node_modules', name);
      parts.push({ from, to: place });
      visit(from, place, [...chain, from]);
    }
  };
  visit(root, '', [root]);
  return parts;
}

function dependenciesOf(folder: string): { name: string; isOptional: boolean }[] {
  const { dependencies = {}, optionalDependencies = {} } = readManifest(folder) ?? {};
  // Some manifests list an optional dependency under both.
  return [...new Set([...Object.keys(dependencies), ...Object.keys(optionalDependencies)])].map(
    (name) => ({ name, isOptional: Object.hasOwn(optionalDependencies, name) }),
  );
}

/** Searches like Node.js, from the package upwards. */
function findDependency(folder: string, name: string): string | undefined {
  for (let at = folder; ; at = path.dirname(at)) {
    const candidate = path.join(at, 'node_modules', name);
    if (readManifest(candidate)) return realpathSync(candidate);
    if (path.dirname(at) === at) return undefined;
  }
}

function readManifest(folder: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Manifest;
  } catch {
    return undefined;
  }
}

export interface ProgramFile {
  readonly from: string;
  /** The path below the folder of the program. */
  readonly to: string;
}

/** Returns all files of the parts. Throws WgTsError ERR_FILE for a link, as it may lead anywhere. */
export function programFiles(parts: readonly PackagePart[]): ProgramFile[] {
  return parts.flatMap(({ from, to, only }) =>
    (only ?? readdirSync(from)).flatMap((entry) =>
      filesBelow(path.join(from, entry), path.join(to, entry)),
    ),
  );
}

function filesBelow(from: string, to: string): ProgramFile[] {
  const status = lstatSync(from);
  if (status.isFile()) return [{ from, to }];
  if (!status.isDirectory())
    throw new WgTsError('ERR_FILE', `${from} is a link, which a service must not follow`, {
      hint: 'install wg-ts with npm install --global, without links',
    });
  return readdirSync(from)
    .filter((entry) => entry !== 'node_modules')
    .flatMap((entry) => filesBelow(path.join(from, entry), path.join(to, entry)));
}
