/** Where the functions of Windows come from. Nothing is loaded before it is asked for. */
import { createRequire } from 'node:module';
import { win32 } from 'node:path';
import type { LibraryHandle } from 'koffi';

/** Of System32; the list is what this program may ever load from there. */
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

/** koffi itself, loaded at the first call: importing this module costs nothing. */
export function koffi(): Koffi {
  return createRequire(import.meta.url)('koffi') as Koffi;
}

/** By its whole path, so that no folder of somebody else's is searched. */
export function systemLibrary(name: SystemLibrary): LibraryHandle {
  const known = loaded.get(name);
  if (known) return known;
  const library = koffi().load(replaced.get(name) ?? win32.join(systemFolder(), name));
  loaded.set(name, library);
  return library;
}

const MAX_PATH = 260;
let folder: string | undefined;

/** `C:\Windows\System32`. Asked of Windows: what the environment tells, a user may have written. */
export function systemFolder(): string {
  folder ??= process.platform === 'win32' ? systemDirectory() : 'C:\\Windows\\System32';
  return folder;
}

/** kernel32.dll is part of every process, so that none is looked for by its name. */
function systemDirectory(): string {
  const getSystemDirectory = koffi()
    .load('kernel32.dll')
    .func('uint32_t __stdcall GetSystemDirectoryW(void *buffer, uint32_t characters)');
  const buffer = Buffer.alloc(2 * MAX_PATH);
  const length: number = getSystemDirectory(buffer, MAX_PATH);
  if (length === 0 || length >= MAX_PATH)
    throw new Error('Windows does not tell its system folder');
  return buffer.toString('utf16le', 0, 2 * length);
}

/**
 * For tests: from now on `path` stands for a library of the system's. It must come before whatever
 * loads that; it is not reachable from outside of this process.
 */
export function replaceSystemLibrary(name: SystemLibrary, path: string): void {
  if (loaded.has(name)) throw new Error(`${name} is loaded already`);
  replaced.set(name, path);
}
