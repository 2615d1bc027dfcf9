/** Finds and loads wintun.dll, and binds all of its functions. */
import { existsSync } from 'node:fs';
import { basename, dirname, join, win32 } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LibraryHandle } from 'koffi';
import { koffi, systemFolder, systemLibrary } from '../../../system/windows/libraries.js';
import {
  lastError,
  prepareLastError,
  Win32Error,
  win32ErrorText,
} from '../../../system/windows/win32.js';
import { TunError } from '../../errors.js';

/** An address in the DLL's memory; 0 is NULL. */
export type Address = number;

/**
 * The functions of wintun.dll, unchanged. `WintunReceivePacket` and `WintunAllocateSendPacket` return
 * the address of ring memory, which is valid until it is released or sent.
 */
export interface WintunFunctions {
  WintunCreateAdapter(name: string, tunnelType: string, guid: Uint8Array | null): Address;
  WintunOpenAdapter(name: string): Address;
  WintunCloseAdapter(adapter: Address): void;
  WintunDeleteDriver(): number;
  WintunGetAdapterLUID(adapter: Address, luid: Uint8Array): void;
  WintunGetRunningDriverVersion(): number;
  WintunSetLogger(logger: unknown): void;
  WintunStartSession(adapter: Address, capacity: number): Address;
  WintunEndSession(session: Address): void;
  WintunGetReadWaitEvent(session: Address): Address;
  WintunReceivePacket(session: Address, size: Uint8Array): Address;
  WintunReleaseReceivePacket(session: Address, packet: Address): void;
  WintunAllocateSendPacket(session: Address, size: number): Address;
  WintunSendPacket(session: Address, packet: Address): void;
}

const LOGGER =
  'void WINTUN_LOGGER_CALLBACK(int level, uint64_t timestamp, const char16_t *message)';
const ENUM = 'int WINTUN_ENUM_CALLBACK(uintptr_t adapter, intptr_t param)';

const SIGNATURES: Readonly<Record<keyof WintunFunctions, string>> = {
  WintunCreateAdapter:
    'uintptr_t __stdcall WintunCreateAdapter(const char16_t *name, const char16_t *type, void *guid)',
  WintunOpenAdapter: 'uintptr_t __stdcall WintunOpenAdapter(const char16_t *name)',
  WintunCloseAdapter: 'void __stdcall WintunCloseAdapter(uintptr_t adapter)',
  WintunDeleteDriver: 'int __stdcall WintunDeleteDriver()',
  // Spelled like this in the DLL, although the API documentation has Luid.
  WintunGetAdapterLUID: 'void __stdcall WintunGetAdapterLUID(uintptr_t adapter, void *luid)',
  WintunGetRunningDriverVersion: 'uint32_t __stdcall WintunGetRunningDriverVersion()',
  WintunSetLogger: 'void __stdcall WintunSetLogger(WINTUN_LOGGER_CALLBACK *logger)',
  WintunStartSession:
    'uintptr_t __stdcall WintunStartSession(uintptr_t adapter, uint32_t capacity)',
  WintunEndSession: 'void __stdcall WintunEndSession(uintptr_t session)',
  WintunGetReadWaitEvent: 'uintptr_t __stdcall WintunGetReadWaitEvent(uintptr_t session)',
  WintunReceivePacket: 'uintptr_t __stdcall WintunReceivePacket(uintptr_t session, void *size)',
  WintunReleaseReceivePacket:
    'void __stdcall WintunReleaseReceivePacket(uintptr_t session, uintptr_t packet)',
  WintunAllocateSendPacket:
    'uintptr_t __stdcall WintunAllocateSendPacket(uintptr_t session, uint32_t size)',
  WintunSendPacket: 'void __stdcall WintunSendPacket(uintptr_t session, uintptr_t packet)',
};

const ENUM_ADAPTERS =
  'int __stdcall WintunEnumAdapters(const char16_t *pool, WINTUN_ENUM_CALLBACK *callback, intptr_t param)';

export type EnumAdapters = (pool: string | null, callback: unknown, param: number) => number;

/** The loaded wintun.dll. */
export interface WintunLibrary extends WintunFunctions {
  readonly path: string;
  /** Address at which it is loaded (an HMODULE). */
  readonly module: Address;
  /** Only in versions up to 0.13. */
  readonly WintunEnumAdapters: EnumAdapters | undefined;
  /** Calls WintunSetLogger with a function of another library. */
  setLoggerAddress(logger: Address): void;
  /** `from` is an address in the DLL's memory. */
  copyFrom(into: Uint8Array, from: Address, bytes: number): void;
  copyTo(to: Address, from: Uint8Array, bytes: number): void;
}

export const WINTUN_DLL = 'wintun.dll';

/**
 * Returns the folder of the native library of wg-ts, the only one besides System32 that may contain
 * wintun.dll.
 */
export function applicationFolder(arch: string = process.arch): string {
  const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
  const dist = basename(root) === 'dist' ? root : join(root, 'dist');
  return join(dist, 'native', `win32-${arch}`);
}

/** Returns full paths, in the order of the search. */
export function wintunCandidates(): string[] {
  return [join(applicationFolder(), WINTUN_DLL), win32.join(systemFolder(), WINTUN_DLL)];
}

const loaded = new Map<string, WintunLibrary>();

/**
 * Loads wintun.dll from `path`, by default from the folder of wg-ts or from System32, never from the
 * current folder or along PATH. Throws TunError ERR_NO_TUN when it is missing, is for another
 * architecture, or lacks a function.
 */
export function loadWintun(path: string = findWintun()): WintunLibrary {
  const known = loaded.get(path);
  if (known) return known;
  const library = load(path);
  loaded.set(path, library);
  return library;
}

function findWintun(): string {
  const candidates = wintunCandidates();
  const found = candidates.find(existsSync);
  if (found !== undefined) return found;
  throw new TunError(
    'ERR_NO_TUN',
    `${WINTUN_DLL} is missing, looked for at ${candidates.join(' and ')}: install it with \`wg-ts wintun install\``,
  );
}

function load(path: string): WintunLibrary {
  const module = loadModule(path);
  const library = koffi().load(path);
  declareCallbacks();
  const bound = Object.entries(SIGNATURES).map(([name, c]) => [name, bind(library, path, name, c)]);
  const functions = Object.fromEntries(bound) as WintunFunctions;
  const kernel32 = systemLibrary('kernel32.dll');
  return {
    ...functions,
    path,
    module,
    WintunEnumAdapters: bindOptional(library, ENUM_ADAPTERS),
    setLoggerAddress: library.func('void __stdcall WintunSetLogger(uintptr_t logger)'),
    copyFrom: kernel32.func('void __stdcall RtlMoveMemory(void *to, uintptr_t from, size_t bytes)'),
    copyTo: kernel32.func('void __stdcall RtlMoveMemory(uintptr_t to, void *from, size_t bytes)'),
  };
}

const LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR = 0x100;
const LOAD_LIBRARY_SEARCH_SYSTEM32 = 0x800;

/**
 * Uses Windows' own function first: it can be told where to find the DLL's dependencies, and says why
 * it failed.
 */
function loadModule(path: string): Address {
  const loadLibrary = systemLibrary('kernel32.dll').func(
    'uintptr_t __stdcall LoadLibraryExW(const char16_t *path, uintptr_t file, uint32_t flags)',
  );
  prepareLastError();
  const flags = LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32;
  const module = loadLibrary(win32.resolve(path), 0, flags) as Address;
  if (module !== 0) return module;
  const code = lastError();
  const reason =
    code === Win32Error.ERROR_BAD_EXE_FORMAT
      ? `it is not for this architecture (${process.arch}), or broken`
      : win32ErrorText(code);
  throw new TunError('ERR_NO_TUN', `cannot load ${path}: ${reason}: \`wg-ts wintun install\``);
}

function bind(library: LibraryHandle, path: string, name: string, signature: string): unknown {
  try {
    return library.func(signature);
  } catch (error) {
    throw new TunError(
      'ERR_NO_TUN',
      `${path} is not Wintun 0.14, it has no ${name}: install it with \`wg-ts wintun install\``,
      { cause: error },
    );
  }
}

function bindOptional(library: LibraryHandle, signature: string): EnumAdapters | undefined {
  try {
    return library.func(signature) as EnumAdapters;
  } catch {
    return undefined;
  }
}

interface Callbacks {
  readonly logger: unknown;
  readonly enumeration: unknown;
}

let callbacks: Callbacks | undefined;

/** Returns types for koffi.register; koffi accepts each name only once in a process. */
export function declareCallbacks(): Callbacks {
  const { proto, pointer } = koffi();
  callbacks ??= { logger: pointer(proto(LOGGER)), enumeration: pointer(proto(ENUM)) };
  return callbacks;
}
