/** Takes configurations in: all that were handed over, or none. */

import { chmodSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { formatProblem } from '../../src/config/errors.js';
import { zeroConfig } from '../../src/config/model.js';
import { type ConfigWarning, parseConfig } from '../../src/config/parse.js';
import { replaceFile } from '../../src/config/replacefile.js';
import { WgTsError } from '../../system/errors.js';
import { checkInterfaceName } from '../../system/interfacename.js';
import type { Candidate } from './candidates.js';

/** Where configurations are kept. */
export interface Destination {
  /** For messages. */
  fileOf(name: string): string;
  has(name: string): boolean;
  /** The old one or the new one is there at any moment. */
  write(name: string, text: string): Promise<void>;
  /** What was written where nothing had been. */
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
 * Checks every one, and only then writes. Where writing fails, what is new is removed again. Throws
 * ConfigError, of the first file that has problems, and WgTsError.
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
      throw new WgTsError('ERR_FILE', `${to.fileOf(name)} is there already (from ${origin})`, {
        hint: 'nothing was imported; --force replaces it, --name gives another name',
      });
  await writeAll(candidates, to);
  return {
    imported: candidates.map(({ name, origin }) => ({ name, origin, file: to.fileOf(name) })),
    warnings,
  };
}

/** Throws; answers warnings. */
function check({ name, origin, text }: Candidate): string[] {
  try {
    checkInterfaceName(name);
  } catch (error) {
    if (!(error instanceof WgTsError)) throw error;
    throw new WgTsError(error.code, `${origin}: ${error.message}`, {
      hint: `nothing was imported; --name gives another name, and in a zip it has to be renamed`,
    });
  }
  const { config, warnings } = parseConfig(text, { file: origin });
  zeroConfig(config);
  return warnings.map((warning: ConfigWarning) => formatProblem(origin, warning));
}

/** As a file system without case would have it, so that what is taken here is taken everywhere. */
function refuseDoubles(candidates: readonly Candidate[]): void {
  const seen = new Map<string, string>();
  for (const { name, origin } of candidates) {
    const other = seen.get(name.toLowerCase());
    if (other !== undefined)
      throw new WgTsError('ERR_NAME', `${other} and ${origin} would both be called ${name}`, {
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

/** NAME.conf, for root alone. */
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
      // One that it takes the place of may have been open to others.
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
