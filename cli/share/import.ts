/** Imports configurations: all that are given, or none. */

import { chmodSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { formatProblem } from '../../src/config/errors.js';
import { zeroConfig } from '../../src/config/model.js';
import { type ConfigWarning, parseConfig } from '../../src/config/parse.js';
import { replaceFile } from '../../src/config/replacefile.js';
import { WgTsError } from '../../system/errors.js';
import { checkInterfaceName } from '../../system/interfacename.js';
import type { Candidate } from './candidates.js';

/** Where configurations are stored. */
export interface Destination {
  /** For messages. */
  fileOf(name: string): string;
  has(name: string): boolean;
  /** Replaces atomically: at any moment either the old text or the new one is there. */
  write(name: string, text: string): Promise<void>;
  /** Removes a configuration that was newly written. */
  remove(name: string): void;
}

export interface Imported {
  readonly name: string;
  readonly file: string;
  readonly origin: string;
}

export interface ImportReport {
  readonly imported: readonly Imported[];
  /** One line each. */
  readonly warnings: readonly string[];
}

/**
 * Checks all configurations, and only then writes them. If writing fails, the new ones are removed again.
 * Throws ConfigError, for the first file that has problems, and WgTsError.
 */
export async function importConfigs(
  candidates: readonly Candidate[],
  to: Destination,
  { force = false }: { readonly force?: boolean } = {},
): Promise<ImportReport> {
  const warnings = candidates.flatMap(check);
  refuseDoubles(candidates);
  for (const { name, origin } of candidates)
    if (to.has(name) && !force)
      throw new WgTsError('ERR_FILE', `${to.fileOf(name)} already exists (from ${origin})`, {
        hint: 'nothing was imported; --force replaces it, --name chooses another name',
      });
  await writeAll(candidates, to);
  return {
    imported: candidates.map(({ name, origin }) => ({ name, origin, file: to.fileOf(name) })),
    warnings,
  };
}

/** Returns warnings. Throws ConfigError and WgTsError. */
function check({ name, origin, text }: Candidate): string[] {
  try {
    checkInterfaceName(name);
  } catch (error) {
    if (!(error instanceof WgTsError)) throw error;
    throw new WgTsError(error.code, `${origin}: ${error.message}`, {
      hint: `nothing was imported; --name chooses another name, but a file in a zip has to be renamed`,
    });
  }
  const { config, warnings } = parseConfig(text, { file: origin });
  zeroConfig(config);
  return warnings.map((warning: ConfigWarning) => formatProblem(origin, warning));
}

/** Compares without case, so that an import has the same result on every file system. */
function refuseDoubles(candidates: readonly Candidate[]): void {
  const seen = new Map<string, string>();
  for (const { name, origin } of candidates) {
    const other = seen.get(name.toLowerCase());
    if (other !== undefined)
      throw new WgTsError('ERR_NAME', `${other} and ${origin} would both be named ${name}`, {
        hint: 'nothing was imported; import them one by one, with --name',
      });
    seen.set(name.toLowerCase(), origin);
  }
}

async function writeAll(candidates: readonly Candidate[], to: Destination): Promise<void> {
  const added: string[] = [];
  try {
    for (const { name, text } of candidates) {
      const isNew = !to.has(name);
      await to.write(name, text);
      if (isNew) added.push(name);
    }
  } catch (error) {
    for (const name of added) to.remove(name);
    throw error;
  }
}

/** Writes NAME.conf, readable by its owner only. */
export class FolderDestination implements Destination {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  fileOf(name: string): string {
    return path.join(this.#folder, `${name}.conf`);
  }

  has(name: string): boolean {
    return existsSync(this.fileOf(name));
  }

  async write(name: string, text: string): Promise<void> {
    const file = this.fileOf(name);
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      await replaceFile(file, text);
      // A file that was replaced may have been readable by others.
      chmodSync(file, 0o600);
    } catch (error) {
      throw explainWriteError(error, this.#folder);
    }
  }

  remove(name: string): void {
    rmSync(this.fileOf(name), { force: true });
  }
}

function explainWriteError(error: unknown, folder: string): WgTsError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  const isDenied = code === 'EACCES' || code === 'EPERM';
  return new WgTsError(
    isDenied ? 'ERR_NOT_ROOT' : 'ERR_FILE',
    `${folder} cannot be written to (${code})`,
    {
      hint: isDenied
        ? 'run it with sudo, or choose another folder with --to'
        : 'nothing was imported',
      cause: error,
    },
  );
}
