/** Finds, loads and checks the native library; a process loads it once. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../system/errors.js';
import { sharedLibraryName, targetName } from '../system/target.js';
import { atEnvironmentEnd } from './environment.js';
import { ABI_VERSION, EXPECTED_LAYOUT } from './layout.js';

/** A pointer to struct wg_ts_device, which is opaque outside of the library. */
export type DevicePointer = unknown;

/** The calls of wg_ts.h. Structs are passed as their memory, laid out as in `layout.ts`. */
export interface NativeLibrary {
  abiVersion(): number;
  layout(out: Uint8Array, capacity: number): number;
  /** Returns the name of the ChaCha20-Poly1305 that will be used, or null when there is none. */
  selectCrypto(without: number): string | null;
  open(options: Uint8Array, error: Uint8Array): DevicePointer | null;
  start(device: DevicePointer): number;
  close(device: DevicePointer): void;
  doorbell(device: DevicePointer): number;
  drain(device: DevicePointer, events: Uint8Array, capacity: number): number;
  rearm(device: DevicePointer): number;
  setPeer(device: DevicePointer, peer: number, endpoint: Uint8Array | null): number;
  setAllowedIps(
    device: DevicePointer,
    peer: number,
    replace: number,
    prefixes: Uint8Array,
    count: number,
  ): number;
  removePeer(device: DevicePointer, peer: number): void;
  authenticated(device: DevicePointer, peer: number, from: Uint8Array, bytes: number): void;
  installKeypair(device: DevicePointer, peer: number, keypair: Uint8Array): number;
  dropKeypairs(device: DevicePointer, peer: number): void;
  dropStaged(device: DevicePointer, peer: number): void;
  sendHandshake(device: DevicePointer, peer: number, message: Uint8Array, length: number): void;
  sendCookieReply(device: DevicePointer, to: Uint8Array, message: Uint8Array, length: number): void;
  sendKeepalive(device: DevicePointer, peer: number): void;
  replaceSession(device: DevicePointer, session: bigint): number;
  replaceSockets(device: DevicePointer, udp4: Uint8Array, udp6: Uint8Array): number;
  blockSending(device: DevicePointer, family: 4 | 6, isBlocked: 0 | 1): void;
  setMtu(device: DevicePointer, mtu: number): void;
  transfer(device: DevicePointer, peer: number, bytes: Uint8Array): void;
  readStatistics(device: DevicePointer, out: Uint8Array): void;
  /** Closes the device if a worker_thread ends without doing so. Returns a function that cancels this. */
  closeAtEnd(device: DevicePointer): () => void;
}

const SIGNATURES: Readonly<Record<Exclude<keyof NativeLibrary, 'closeAtEnd'>, string>> = {
  abiVersion: 'uint32_t wg_ts_abi_version()',
  layout: 'uint32_t wg_ts_layout(void *out, uint32_t capacity)',
  selectCrypto: 'const char *wg_ts_select_crypto(uint32_t without)',
  open: 'void *wg_ts_open(void *options, void *error)',
  start: 'int32_t wg_ts_start(void *device)',
  close: 'void wg_ts_close(void *device)',
  doorbell: 'int32_t wg_ts_doorbell(void *device)',
  drain: 'uint32_t wg_ts_drain(void *device, void *events, uint32_t capacity)',
  rearm: 'uint32_t wg_ts_rearm(void *device)',
  setPeer: 'int32_t wg_ts_set_peer(void *device, uint32_t peer, void *endpoint)',
  setAllowedIps:
    'int32_t wg_ts_set_allowed_ips(void *device, uint32_t peer, uint32_t replace, void *prefixes, uint32_t count)',
  removePeer: 'void wg_ts_remove_peer(void *device, uint32_t peer)',
  authenticated:
    'void wg_ts_authenticated(void *device, uint32_t peer, void *from, uint32_t bytes)',
  installKeypair: 'int32_t wg_ts_install_keypair(void *device, uint32_t peer, void *keypair)',
  dropKeypairs: 'void wg_ts_drop_keypairs(void *device, uint32_t peer)',
  dropStaged: 'void wg_ts_drop_staged(void *device, uint32_t peer)',
  sendHandshake:
    'void wg_ts_send_handshake(void *device, uint32_t peer, void *message, uint32_t length)',
  sendCookieReply:
    'void wg_ts_send_cookie_reply(void *device, void *to, void *message, uint32_t length)',
  sendKeepalive: 'void wg_ts_send_keepalive(void *device, uint32_t peer)',
  replaceSession: 'int32_t wg_ts_replace_session(void *device, uint64_t session)',
  replaceSockets: 'int32_t wg_ts_replace_sockets(void *device, void *udp4, void *udp6)',
  blockSending: 'void wg_ts_block_sending(void *device, uint32_t family, uint32_t is_blocked)',
  setMtu: 'void wg_ts_set_mtu(void *device, uint32_t mtu)',
  transfer: 'void wg_ts_transfer(void *device, uint32_t peer, void *bytes)',
  readStatistics: 'void wg_ts_read_statistics(void *device, void *out)',
};

/** There is no native data plane here; the message is one line with the reason. */
export class NativeUnavailableError extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = 'NativeUnavailableError';
  }
}

let loaded: NativeLibrary | undefined;

/**
 * Returns the library for this machine, or the one that WG_TS_NATIVE_LIBRARY names. Throws
 * NativeUnavailableError when there is none, or it is of another version.
 */
export function loadNativeLibrary(): NativeLibrary {
  loaded ??= load(process.env['WG_TS_NATIVE_LIBRARY'] ?? findLibrary());
  return loaded;
}

/**
 * Returns the name of the ChaCha20-Poly1305 that the library finds in this process, without those excluded by
 * the bits of `without`. Throws NativeUnavailableError when there is none.
 */
export function selectNativeCrypto(library: NativeLibrary, without = 0): string {
  const name = library.selectCrypto(without);
  if (name !== null) return name;
  throw new NativeUnavailableError(
    'this runtime does not export OpenSSL’s ChaCha20-Poly1305, which the library uses, as official builds of Node.js do and Electron does not',
  );
}

function findLibrary(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const target = targetName();
  const file = sharedLibraryName('wgts');
  // Next to this file in a package; in dist/native when run from the sources.
  const folders = [here, join(here, '..', 'dist', 'native')];
  const found = folders.map((folder) => join(folder, target, file)).find(existsSync);
  if (found) return found;
  throw new NativeUnavailableError(
    `there is no native library for ${target}: \`npm run build:native\` makes it with a C compiler`,
  );
}

/** Loads and checks the library at `path`. Throws NativeUnavailableError. */
export function load(path: string): NativeLibrary {
  const library = bind(path);
  const version = library.abiVersion();
  if (version !== ABI_VERSION)
    throw new NativeUnavailableError(
      `${path} has another version (ABI ${version}, not ${ABI_VERSION}): \`npm run build:native\``,
    );
  if (!hasExpectedLayout(library))
    throw new NativeUnavailableError(`${path} lays out its structs differently than expected`);
  return library;
}

function bind(path: string): NativeLibrary {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    const lib = koffi.load(path);
    const bound = Object.entries(SIGNATURES).map(([name, c]) => [name, lib.func(c)]);
    const close: unknown = lib.symbol('wg_ts_close');
    return {
      ...(Object.fromEntries(bound) as NativeLibrary),
      closeAtEnd: (device) => atEnvironmentEnd(close, device),
    };
  } catch (error) {
    const reason = messageOf(error);
    throw new NativeUnavailableError(`cannot load ${path}: ${reason}`, { cause: error });
  }
}

function hasExpectedLayout(library: NativeLibrary): boolean {
  const out = new Uint32Array(EXPECTED_LAYOUT.length);
  const count = library.layout(new Uint8Array(out.buffer), out.length);
  return count === out.length && EXPECTED_LAYOUT.every((value, i) => value === out[i]);
}
