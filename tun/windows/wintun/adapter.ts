import { koffi } from '../../../system/windows/libraries.js';
import { lastError, Win32Error } from '../../../system/windows/win32.js';
import { TunError } from '../../errors.js';
import { MAX_ADAPTER_NAME, WINTUN_MAX_POOL } from './constants.js';
import { WintunError } from './errors.js';
import { type Address, declareCallbacks, type WintunLibrary } from './library.js';
import { WintunSession } from './session.js';

/** A handle to an adapter; what was created goes with it, what was opened stays. */
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
   * Makes an adapter. `guid` has 16 bytes as Windows has them in memory; without, the system chooses
   * and takes each adapter for a new network. Throws TunError: ERR_NAME, ERR_NOT_ROOT,
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

  /** Throws TunError ERR_TUN when there is none of this name. */
  static open(library: WintunLibrary, name: string): WintunAdapter {
    checkName('adapter', name);
    const handle = library.WintunOpenAdapter(name);
    if (handle === 0) throw new WintunError('WintunOpenAdapter', lastError());
    return new WintunAdapter(library, name, handle);
  }

  get isOpen(): boolean {
    return this.#handle !== 0;
  }

  /** By which the functions of iphlpapi know it. */
  luid(): bigint {
    const luid = new BigUint64Array(1);
    this.#library.WintunGetAdapterLUID(this.#opened(), new Uint8Array(luid.buffer));
    return luid[0] as bigint;
  }

  /**
   * `capacity`: bytes of each ring, a power of two from 128 KiB to 64 MiB. One at a time. Throws
   * RangeError and TunError.
   */
  startSession(capacity: number): WintunSession {
    if (this.#session?.isActive) throw new Error(`the adapter ${this.name} has a session already`);
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
  // In UTF-16 units, as the DLL counts them.
  if (name.length > 0 && name.length < limit && !name.includes('\0')) return;
  throw new TunError('ERR_NAME', `the name of an ${what} has 1 to ${limit - 1} characters`);
}

/** `0.14`, or undefined while no driver is loaded. Throws TunError. */
export function runningDriverVersion(library: WintunLibrary): string | undefined {
  const version = library.WintunGetRunningDriverVersion();
  if (version !== 0) return `${version >>> 16}.${version & 0xffff}`;
  const code = lastError();
  if (code === Win32Error.ERROR_FILE_NOT_FOUND) return undefined;
  throw new WintunError('WintunGetRunningDriverVersion', code);
}

/** Removes the driver from the system. Throws TunError when an adapter, of whomever, still uses it. */
export function deleteDriver(library: WintunLibrary): void {
  if (library.WintunDeleteDriver() === 0) throw new WintunError('WintunDeleteDriver', lastError());
}

/**
 * The LUIDs of the adapters of a pool, for as long as `visit` answers true. Throws TunError ERR_TUN
 * where wintun.dll is newer than 0.13 and cannot tell.
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
      // The handle is closed as soon as this has answered.
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
