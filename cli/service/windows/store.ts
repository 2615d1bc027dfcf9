/** Configurations stored for services: encrypted, for administrators only. */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { messageOf, WgTsError } from '../../../system/errors.js';
import { protectData, unprotectData } from '../../../system/windows/dpapi.js';
import { asWgTsError, createSecureFolder, dataFolder } from '../../runtime/windows.js';

export const STORED_EXTENSION = '.conf.dpapi';

export class ConfigStore {
  readonly folder: string;

  constructor(folder: string = path.win32.join(dataFolder(), 'configurations')) {
    this.folder = folder;
  }

  fileOf(name: string): string {
    return path.join(this.folder, name + STORED_EXTENSION);
  }

  has(name: string): boolean {
    return existsSync(this.fileOf(name));
  }

  /** Stores a configuration, replacing any other of this name. Zeroes `bytes`. Throws WgTsError. */
  write(name: string, bytes: Uint8Array): void {
    const file = this.fileOf(name);
    const temporary = `${file}.new`;
    try {
      createSecureFolder(this.folder);
      rmSync(temporary, { force: true });
      // The name is sealed along with it, so that one file cannot be passed off as another.
      writeFileSync(temporary, protectData(bytes, name), { flag: 'wx', mode: 0o600 });
      renameSync(temporary, file);
    } catch (error) {
      throw asWgTsError(error);
    } finally {
      bytes.fill(0);
    }
  }

  /** Does nothing when there is none of this name. */
  remove(name: string): void {
    rmSync(this.fileOf(name), { force: true });
    rmSync(`${this.fileOf(name)}.new`, { force: true });
  }

  names(): string[] {
    try {
      return readdirSync(this.folder)
        .filter((file) => file.endsWith(STORED_EXTENSION))
        .map((file) => file.slice(0, -STORED_EXTENSION.length))
        .sort();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }
}

/** Returns the text of a stored configuration. Throws WgTsError ERR_FILE. */
export function readStoredConfig(file: string): string {
  const name = path.basename(file).slice(0, -STORED_EXTENSION.length);
  const { bytes, description } = unprotect(file);
  try {
    // Names of files are case-insensitive on Windows.
    if (description.toLowerCase() !== name.toLowerCase())
      throw new WgTsError('ERR_FILE', `${file} holds the configuration of another tunnel`, {
        hint: `install it again: wg-ts service install ${name}.conf`,
      });
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } finally {
    bytes.fill(0);
  }
}

function unprotect(file: string): ReturnType<typeof unprotectData> {
  try {
    return unprotectData(readFileSync(file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EPERM' || code === 'EACCES')
      throw new WgTsError('ERR_NOT_ROOT', `${file} can be read by administrators only`, {
        hint: 'run the command in an elevated prompt',
        cause: error,
      });
    const reason = messageOf(error);
    throw new WgTsError('ERR_FILE', `${file} cannot be read: ${reason}`, {
      hint: 'it can be read only on the machine where it was installed',
      cause: error,
    });
  }
}
