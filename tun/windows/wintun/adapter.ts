import { koffi } from '../../../system/windows/libraries.js';
import { lastError, Win32Error } from '../../../system/windows/win32.js';
import { TunError } from '../../errors.js';
import { MAX_ADAPTER_NAME, WINTUN_MAX_POOL } from './constants.js';
import { WintunError } from './errors.js';
import { type Address, declareCallbacks, type WintunLibrary } from './library.js';
import { WintunSession } from './session.js';

/**
 * A handle to an adapter; closing it removes an adapter that was created, but not one that was opened.
 */
export class WintunAdapter {
  readonly name: string;
  readonly #library: WintunLibrary;
  #handle: Address;
  #session: WintunSession | undefined;

  private constructor(library: WintunLibrary, name: string, handle: Address) {
    this.#library = library;
    this.name = name;
    this.#handle = handle;
  }

  /**
   * Creates an adapter. `guid` has 16 bytes as Windows has them in memory; without it, the system
   * chooses one and treats each adapter as a new network. Throws TunError: ERR_NAME, ERR_NOT_ROOT,
   * ERR_INTERFACE_EXISTS or ERR_TUN.
   */
  static create(
    library: WintunLibrary,
    name: string,
    tunnelType: string,
    guid?: Uint8Array,
  ): WintunAdapter {
    checkName('adapter', name);
    checkName('tunnel type', tunnelType);
    if (guid && guid.length !== 16) throw new RangeError('a GUID has 16 bytes');
    const handle = library.WintunCreateAdapter(name, tunnelType, guid ?? null);
    if (handle === 0) throw new WintunError('WintunCreateAdapter', lastError());
    return new WintunAdapter(library, name, handle);
  }

  /** Opens an existing adapter. Throws TunError ERR_TUN when there is none with this name. */
  static open(library: WintunLibrary, name: string): WintunAdapter {
    checkName('adapter', name);
    const handle = library.WintunOpenAdapter(name);
    if (handle === 0) throw new WintunError('WintunOpenAdapter', lastError());
    return new WintunAdapter(library, name, handle);
  }

  get isOpen(): boolean {
    return this.#handle !== 0;
  }

  /** Returns the LUID by which the functions of iphlpapi identify the adapter. */
  luid(): bigint {
    const luid = new BigUint64Array(1);
    this.#library.WintunGetAdapterLUID(this.#opened(), new Uint8Array(luid.buffer));
    return luid[0] as bigint;
  }

  /**
   * Starts the adapter's only session. `capacity` is the size of each ring in bytes, a power of two
   * from 128 KiB to 64 MiB. Throws RangeError and TunError.
   */
  startSession(capacity: number): WintunSession {
    if (this.#session?.isActive) throw new Error(`the adapter ${this.name} already has a session`);
    this.#session = WintunSession.start(this.#library, this.#opened(), capacity);
    return this.#session;
  }

  /** Ends its session first. Idempotent. */
  close(): void {
    if (this.#handle === 0) return;
    this.#session?.end();
    const handle = this.#handle;
    this.#handle = 0;
    this.#library.WintunCloseAdapter(handle);
  }

  #opened(): Address {
    if (this.#handle === 0) throw new Error(`the adapter ${this.name} is closed`);
    return this.#handle;
  }
}

function checkName(what: string, name: string, limit: number = MAX_ADAPTER_NAME): void {
  // Counted in UTF-16 units, as the DLL does.
  if (name.length > 0 && name.length < limit && !name.includes('\0')) return;
  throw new TunError('ERR_NAME', `the name of an ${what} has 1 to ${limit - 1} characters`);
}

/** Returns a version such as `0.14`, or undefined while no driver is loaded. Throws TunError. */
export function runningDriverVersion(library: WintunLibrary): string | undefined {
  const version = library.WintunGetRunningDriverVersion();
  if (version !== 0) return `${version >>> 16}.${version & 0xffff}`;
  const code = lastError();
  if (code === Win32Error.ERROR_FILE_NOT_FOUND) return undefined;
  throw new WintunError('WintunGetRunningDriverVersion', code);
}

/** Removes the driver from the system. Throws TunError when any adapter still uses it. */
export function deleteDriver(library: WintunLibrary): void {
  if (library.WintunDeleteDriver() === 0) throw new WintunError('WintunDeleteDriver', lastError());
}

/**
 * Calls `visit` with the LUIDs of the adapters of a pool, until it returns false. Throws TunError
 * ERR_TUN where wintun.dll is newer than 0.13 and has no such function.
 */
export function enumerateAdapters(
  library: WintunLibrary,
  pool: string,
  visit: (luid: bigint) => boolean,
): void {
  checkName('adapter pool', pool, WINTUN_MAX_POOL);
  const enumAdapters = library.WintunEnumAdapters;
  if (!enumAdapters)
    throw new TunError(
      'ERR_TUN',
      `WintunEnumAdapters is not in ${library.path}: Wintun has it only up to version 0.13`,
    );
  let thrown: { readonly error: unknown } | undefined;
  const callback = koffi().register((adapter: Address): number => {
    try {
      const luid = new BigUint64Array(1);
      // The handle is closed as soon as this callback returns.
      library.WintunGetAdapterLUID(adapter, new Uint8Array(luid.buffer));
      return visit(luid[0] as bigint) ? 1 : 0;
    } catch (error) {
      thrown = { error };
      return 0;
    }
  }, declareCallbacks().enumeration as never);
  try {
    if (enumAdapters(pool, callback, 0) === 0)
      throw new WintunError('WintunEnumAdapters', lastError());
  } finally {
    koffi().unregister(callback);
  }
  if (thrown) throw thrown.error;
}
