/** Loads the libraries of Windows, each at its first use. */
import { createRequire } from 'node:module';
import { win32 } from 'node:path';
import type { LibraryHandle } from 'koffi';

/** The libraries of System32 that this program may load. */
export type SystemLibrary =
  | 'advapi32.dll'
  | 'crypt32.dll'
  | 'fwpuclnt.dll'
  | 'iphlpapi.dll'
  | 'kernel32.dll'
  | 'ole32.dll'
  | 'shell32.dll'
  | 'version.dll'
  | 'ws2_32.dll';

type Koffi = typeof import('koffi');

const loaded = new Map<SystemLibrary, LibraryHandle>();
const replaced = new Map<SystemLibrary, string>();

/** Returns koffi, loaded at the first call, so that importing this module costs nothing. */
export function koffi(): Koffi {
  return createRequire(import.meta.url)('koffi') as Koffi;
}

/** Loads a library by its full path, so that no folder that others can write to is searched. */
export function systemLibrary(name: SystemLibrary): LibraryHandle {
  const known = loaded.get(name);
  if (known) return known;
  const library = koffi().load(replaced.get(name) ?? win32.join(systemFolder(), name));
  loaded.set(name, library);
  return library;
}

const MAX_PATH = 260;
let folder: string | undefined;

/** Returns `C:\Windows\System32`, from Windows itself: a user may have changed the environment. */
export function systemFolder(): string {
  folder ??= process.platform === 'win32' ? systemDirectory() : 'C:\\Windows\\System32';
  return folder;
}

/** kernel32.dll is part of every process, so no file is searched by that name. */
function systemDirectory(): string {
  const getSystemDirectory = koffi()
    .load('kernel32.dll')
    .func('uint32_t __stdcall GetSystemDirectoryW(void *buffer, uint32_t characters)');
  const buffer = Buffer.alloc(2 * MAX_PATH);
  const length: number = getSystemDirectory(buffer, MAX_PATH);
  if (length === 0 || length >= MAX_PATH)
    throw new Error('Windows does not say where its system folder is');
  return buffer.toString('utf16le', 0, 2 * length);
}

/**
 * For tests: makes `path` replace a library of the system. To be called before anything loads that library;
 * it cannot be reached from outside of this process.
 */
export function replaceSystemLibrary(name: SystemLibrary, path: string): void {
  if (loaded.has(name)) throw new Error(`${name} is already loaded`);
  replaced.set(name, path);
}
