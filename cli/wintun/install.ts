import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { messageOf, WgTsError } from '../../system/errors.js';
import { applicationFolder } from '../../tun/windows/wintun/library.js';
import { dllOf, MAX_ZIP_BYTES, sha256 } from './archive.js';
import { download } from './download.js';
import { knownDll, WINTUN, WINTUN_DLL, type WintunArchitecture, type WintunPins } from './pins.js';

export interface InstallOptions {
  readonly architecture: WintunArchitecture;
  /** The official zip; absent: it is downloaded. */
  readonly zip?: string;
  /** By default beside the program, where wg-ts looks for it. */
  readonly folder?: string;
  /** Called before the network is used. */
  readonly onDownload?: (url: string) => void;
  readonly pins?: WintunPins;
}

export interface Installed {
  readonly path: string;
  readonly version: string;
  readonly sha256: string;
  /** `new` if there was none; `same` if this DLL was already there, and nothing was written. */
  readonly change: 'new' | 'replaced' | 'same';
  /** The version of the one that was replaced, or its SHA-256 if it is of no known release. */
  readonly replaced?: string;
}

/**
 * Installs the wintun.dll of the pinned release beside the program. Throws WgTsError: ERR_HASH for
 * anything but that release, ERR_DOWNLOAD, ERR_NOT_ROOT if the folder is not writable, ERR_FILE.
 */
export async function installWintun(options: InstallOptions): Promise<Installed> {
  const { architecture, pins = WINTUN } = options;
  const { folder = applicationFolder(architecture) } = options;
  const path = join(folder, WINTUN_DLL);
  const outcome = { path, version: pins.version, sha256: pins.dlls[architecture].sha256 };
  const before = existsSync(path) ? sha256(read(path)) : undefined;
  if (before === outcome.sha256 && options.zip === undefined) return { ...outcome, change: 'same' };

  const dll = dllOf(await zipOf(options, pins), architecture, pins);
  if (before === outcome.sha256) return { ...outcome, change: 'same' };
  replaceFile(folder, path, dll);
  if (before === undefined) return { ...outcome, change: 'new' };
  return { ...outcome, change: 'replaced', replaced: knownDll(before, pins) ?? before };
}

async function zipOf({ zip, onDownload }: InstallOptions, pins: WintunPins): Promise<Uint8Array> {
  if (zip !== undefined) return read(zip);
  onDownload?.(pins.url);
  return await download(pins.url);
}

/** Throws WgTsError ERR_FILE, also for files much larger than any of Wintun. */
function read(file: string): Uint8Array {
  try {
    const { size } = statSync(file);
    if (size <= MAX_ZIP_BYTES) return readFileSync(file);
    throw new Error(`it is ${size} bytes, more than ${MAX_ZIP_BYTES}`);
  } catch (error) {
    const reason = messageOf(error);
    throw new WgTsError('ERR_FILE', `cannot read ${file}: ${reason}`, { cause: error });
  }
}

/** Replaces a file atomically: a reader sees the old file or the new one, whole, even after a crash. */
function replaceFile(folder: string, path: string, bytes: Uint8Array): void {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    mkdirSync(folder, { recursive: true });
    const fd = openSync(temporary, 'wx', 0o644);
    try {
      writeFileSync(fd, bytes);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    removeIfThere(temporary);
    throw explainChange(error, `put ${WINTUN_DLL} into ${folder}`, existsSync(path));
  }
}

function removeIfThere(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // If it cannot even be accessed, it was never created.
  }
}

const REFUSED: ReadonlySet<string | undefined> = new Set(['EACCES', 'EPERM', 'EBUSY']);

/** Explains an error of the file system while wintun.dll was written or removed. */
export function explainChange(error: unknown, what: string, mayBeInUse: boolean): WgTsError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (!REFUSED.has(code))
    return new WgTsError('ERR_FILE', `cannot ${what}: ${message}`, { cause: error });
  const asAdministrator =
    process.platform === 'win32'
      ? 'run it as administrator, in an elevated prompt'
      : 'run it as root';
  // Windows reports the same for a DLL that a process has loaded.
  const isWindowsInUse = process.platform === 'win32' && mayBeInUse;
  const takeDown = isWindowsInUse ? ', and take down the tunnels that use it' : '';
  return new WgTsError('ERR_NOT_ROOT', `cannot ${what}: ${code}`, {
    hint: asAdministrator + takeDown,
    cause: error,
  });
}
