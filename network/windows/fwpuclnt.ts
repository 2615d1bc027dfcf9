/** The functions of fwpuclnt.dll (Windows Filtering Platform) that the kill switch uses. */
import { checkNetworkCall } from '../../system/windows/callerror.js';
import { koffi, systemLibrary } from '../../system/windows/libraries.js';
import type { Filter } from './firewall-rules.js';
import {
  FWP_BYTE_BLOB,
  filterStruct,
  type Keys,
  providerStruct,
  sessionStruct,
  sublayerStruct,
} from './firewall-structs.js';

const RPC_C_AUTHN_WINNT = 10;

/** A session with the filter engine. Failures are thrown as WindowsCallError. */
export class FilterEngine {
  readonly #api = fwpApi();
  readonly #handle: bigint;

  constructor(name: string) {
    const handle = new BigUint64Array(1);
    const session = sessionStruct(name).bytes;
    const out = new Uint8Array(handle.buffer);
    const code = this.#api.FwpmEngineOpen0(null, RPC_C_AUTHN_WINNT, null, session, out);
    checkNetworkCall('FwpmEngineOpen0', code);
    this.#handle = handle[0] ?? 0n;
  }

  /** Carries out everything in `action`, or nothing of it. */
  transaction(action: () => void): void {
    checkNetworkCall('FwpmTransactionBegin0', this.#api.FwpmTransactionBegin0(this.#handle, 0));
    try {
      action();
      checkNetworkCall('FwpmTransactionCommit0', this.#api.FwpmTransactionCommit0(this.#handle));
    } catch (error) {
      this.#api.FwpmTransactionAbort0(this.#handle);
      throw error;
    }
  }

  addProvider(keys: Keys, name: string): void {
    const { bytes } = providerStruct(keys, name);
    checkNetworkCall('FwpmProviderAdd0', this.#api.FwpmProviderAdd0(this.#handle, bytes, null));
  }

  addSublayer(keys: Keys, name: string): void {
    const { bytes } = sublayerStruct(keys, name);
    checkNetworkCall('FwpmSubLayerAdd0', this.#api.FwpmSubLayerAdd0(this.#handle, bytes, null));
  }

  /** Returns the filter's id. */
  addFilter(keys: Keys, filter: Filter): bigint {
    const id = new BigUint64Array(1);
    const { bytes } = filterStruct(keys, filter);
    const out = new Uint8Array(id.buffer);
    checkNetworkCall('FwpmFilterAdd0', this.#api.FwpmFilterAdd0(this.#handle, bytes, null, out));
    return id[0] ?? 0n;
  }

  deleteFilter(id: bigint): void {
    checkNetworkCall('FwpmFilterDeleteById0', this.#api.FwpmFilterDeleteById0(this.#handle, id));
  }

  /** Removes everything that was added. */
  close(): void {
    checkNetworkCall('FwpmEngineClose0', this.#api.FwpmEngineClose0(this.#handle));
  }
}

/** Returns the firewall's identifier of a program. */
export function appIdOf(path: string): Uint8Array {
  const api = fwpApi();
  const out = new BigUint64Array(1);
  const outBytes = new Uint8Array(out.buffer);
  checkNetworkCall('FwpmGetAppIdFromFileName0', api.FwpmGetAppIdFromFileName0(path, outBytes));
  try {
    const blob = new DataView(koffi().view(out[0], FWP_BYTE_BLOB.size));
    const length = blob.getUint32(FWP_BYTE_BLOB.length, true);
    return new Uint8Array(
      koffi().view(blob.getBigUint64(FWP_BYTE_BLOB.data, true), length),
    ).slice();
  } finally {
    api.FwpmFreeMemory0(outBytes);
  }
}

type HandleCall = (engine: bigint) => number;
type AddCall = (engine: bigint, object: Uint8Array, descriptor: null) => number;

interface FwpApi {
  readonly FwpmEngineOpen0: (
    server: null,
    authentication: number,
    identity: null,
    session: Uint8Array,
    engine: Uint8Array,
  ) => number;
  readonly FwpmEngineClose0: HandleCall;
  readonly FwpmTransactionBegin0: (engine: bigint, flags: number) => number;
  readonly FwpmTransactionCommit0: HandleCall;
  readonly FwpmTransactionAbort0: HandleCall;
  readonly FwpmProviderAdd0: AddCall;
  readonly FwpmSubLayerAdd0: AddCall;
  readonly FwpmFilterAdd0: (
    engine: bigint,
    filter: Uint8Array,
    descriptor: null,
    id: Uint8Array,
  ) => number;
  readonly FwpmFilterDeleteById0: (engine: bigint, id: bigint) => number;
  readonly FwpmGetAppIdFromFileName0: (path: string, blob: Uint8Array) => number;
  readonly FwpmFreeMemory0: (memory: Uint8Array) => void;
}

let bound: FwpApi | undefined;

function fwpApi(): FwpApi {
  bound ??= load();
  return bound;
}

function load(): FwpApi {
  const library = systemLibrary('fwpuclnt.dll');
  const handle = (name: string): HandleCall =>
    library.func(`uint32_t __stdcall ${name}(uint64_t engine)`);
  const add = (name: string): AddCall =>
    library.func(`uint32_t __stdcall ${name}(uint64_t engine, void *object, void *descriptor)`);
  return {
    FwpmEngineOpen0: library.func(
      'uint32_t __stdcall FwpmEngineOpen0(void *server, uint32_t authentication, void *identity, void *session, void *engine)',
    ),
    FwpmEngineClose0: handle('FwpmEngineClose0'),
    FwpmTransactionBegin0: library.func(
      'uint32_t __stdcall FwpmTransactionBegin0(uint64_t engine, uint32_t flags)',
    ),
    FwpmTransactionCommit0: handle('FwpmTransactionCommit0'),
    FwpmTransactionAbort0: handle('FwpmTransactionAbort0'),
    FwpmProviderAdd0: add('FwpmProviderAdd0'),
    FwpmSubLayerAdd0: add('FwpmSubLayerAdd0'),
    FwpmFilterAdd0: library.func(
      'uint32_t __stdcall FwpmFilterAdd0(uint64_t engine, void *filter, void *descriptor, void *id)',
    ),
    FwpmFilterDeleteById0: library.func(
      'uint32_t __stdcall FwpmFilterDeleteById0(uint64_t engine, uint64_t id)',
    ),
    FwpmGetAppIdFromFileName0: library.func(
      'uint32_t __stdcall FwpmGetAppIdFromFileName0(str16 path, void *blob)',
    ),
    FwpmFreeMemory0: library.func('void __stdcall FwpmFreeMemory0(void *memory)'),
  };
}
