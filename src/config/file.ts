import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { WgTsError } from '../../system/errors.js';
import { checkInterfaceName } from '../../system/interfacename.js';
import { knownFolder } from '../../system/windows/folders.js';

export const MAX_CONFIG_BYTES: number = 1024 * 1024;

const EXTENSION = '.conf';
const GROUP_BITS = 0o070;
const WORLD_BITS = 0o007;

export interface ConfigFile {
  readonly text: string;
  /** One line for each. */
  readonly warnings: readonly string[];
}

/** Throws WgTsError when the file cannot be read, is larger than 1 MiB or is not UTF-8. */
export async function readConfigFile(file: string): Promise<ConfigFile> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, 'r');
    const status = await handle.stat();
    const bytes = await readBounded(handle, file);
    const warnings = status.isFile() ? accessWarnings(file, status.mode) : [];
    return { text: decode(bytes, file), warnings };
  } catch (error) {
    throw error instanceof WgTsError ? error : explainReadError(error, file);
  } finally {
    await handle?.close();
  }
}

/** Does not trust the size that the system reports: a pipe has none. */
async function readBounded(handle: FileHandle, file: string): Promise<Uint8Array> {
  const buffer = new Uint8Array(MAX_CONFIG_BYTES + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
    if (bytesRead === 0) return buffer.subarray(0, length);
    length += bytesRead;
  }
  buffer.fill(0);
  throw new WgTsError('ERR_FILE', `${file} is larger than 1 MiB`, {
    hint: 'is this the right file? A configuration is a few lines of text',
  });
}

/** Zeroes `bytes`, which hold keys. */
function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new WgTsError('ERR_FILE', `${file} is not UTF-8 text`, {
      hint: 'save it as UTF-8 in the editor',
    });
  } finally {
    bytes.fill(0);
  }
}

function accessWarnings(file: string, mode: number): readonly string[] {
  // Windows has access control lists instead, and Node makes up these bits there.
  if (process.platform === 'win32' || (mode & (GROUP_BITS | WORLD_BITS)) === 0) return [];
  const who = (mode & WORLD_BITS) !== 0 ? 'world' : 'group';
  return [`${file} is ${who} accessible and holds a private key: run chmod 600 ${file}`];
}

function explainReadError(error: unknown, file: string): WgTsError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new WgTsError('ERR_FILE', `${file} does not exist`, {
        hint: `check the name; NAME alone means ${path.join(configFolder(), `NAME${EXTENSION}`)}`,
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
      return new WgTsError('ERR_FILE', `${file} cannot be read by this user`, {
        hint: 'run the command as root',
        cause: error,
      });
    case 'EISDIR':
      return new WgTsError('ERR_FILE', `${file} is a directory`, {
        hint: `name the ${EXTENSION} file in it`,
        cause: error,
      });
    default:
      return new WgTsError('ERR_FILE', `${file} cannot be read (${code ?? 'unknown error'})`, {
        cause: error,
      });
  }
}

/**
 * Returns the folder in which NAME alone is looked up: that of wg-quick(8), and on Windows one of
 * wg-ts.
 */
export function configFolder(platform: NodeJS.Platform = process.platform): string {
  if (platform !== 'win32') return '/etc/wireguard';
  return path.win32.join(knownFolder('ProgramData'), 'wg-ts', 'configurations');
}

/**
 * Returns a path or a name ending in .conf unchanged; NAME alone becomes NAME.conf in the configuration
 * folder.
 */
export function resolveConfigPath(nameOrFile: string): string {
  if (nameOrFile.endsWith(EXTENSION) || /[/\\]/.test(nameOrFile)) return nameOrFile;
  checkInterfaceName(nameOrFile);
  return path.join(configFolder(), nameOrFile + EXTENSION);
}

/** The file's name without .conf. Throws WgTsError when that cannot name an interface. */
export function interfaceNameOf(file: string): string {
  const base = path.basename(file);
  if (!base.endsWith(EXTENSION))
    throw new WgTsError('ERR_NAME', `the name of ${file} does not end in ${EXTENSION}`, {
      hint: `name the file after the interface, for example office${EXTENSION}`,
    });
  const name = base.slice(0, -EXTENSION.length);
  checkInterfaceName(name);
  return name;
}
