import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { koffi, systemLibrary } from '../../../system/windows/libraries.js';
import { WintunLoggerLevel } from './constants.js';
import { applicationFolder, declareCallbacks, type WintunLibrary } from './library.js';

export interface WintunLogEntry {
  readonly level: 'info' | 'warn' | 'error';
  readonly time: Date;
  readonly text: string;
}

/** Milliseconds from 1601-01-01, where Windows' time starts, to 1970-01-01. */
const EPOCH_DIFFERENCE_MS = 11_644_473_600_000;
const HUNDREDS_OF_NANOSECONDS_PER_MS = 10_000n;

/** `timestamp` counts 100 ns since 1601-01-01 UTC. */
export function timeOfTimestamp(timestamp: bigint | number): Date {
  return new Date(Number(BigInt(timestamp) / HUNDREDS_OF_NANOSECONDS_PER_MS) - EPOCH_DIFFERENCE_MS);
}

function levelOf(level: number): WintunLogEntry['level'] {
  if (level === WintunLoggerLevel.WINTUN_LOG_ERR) return 'error';
  return level === WintunLoggerLevel.WINTUN_LOG_WARN ? 'warn' : 'info';
}

/** A struct wintun_log_entry of native/lib/windows/wintun_log.c. */
const ENTRY = { size: 528, timestamp: 0, level: 8, lost: 12, text: 16 } as const;
const FETCH_MS = 100;
/** Maximum number of messages fetched in one turn of the event loop. */
const FETCHED_AT_ONCE = 64;

type Log = (entry: WintunLogEntry) => void;

interface Active {
  readonly library: WintunLibrary;
  readonly end: () => void;
}

let active: Active | undefined;

export interface WintunLoggerOptions {
  /**
   * Path of the native library, whose queue takes the messages; null: none. By default where it is
   * installed.
   */
  readonly queue?: string | null;
}

/**
 * Sends the messages of wintun.dll to `log`; the DLL has one logger for the whole process. With the
 * native library, its queue takes the messages, and they are fetched ten times a second, so no thread
 * of the driver ever waits. Without it, a thread of the DLL waits a turn of the event loop. Exceptions
 * of `log` are dropped. Returns a function that ends the logging.
 */
export function setWintunLogger(
  library: WintunLibrary,
  log: Log,
  { queue = nativeLibrary() }: WintunLoggerOptions = {},
): () => void {
  clearWintunLogger();
  const safely: Log = (entry) => {
    try {
      log(entry);
    } catch {
      // The exception would be thrown into the driver's code.
    }
  };
  const mine: Active = {
    library,
    end: queue === null ? logAtOnce(library, safely) : logByQueue(library, safely, queue),
  };
  active = mine;
  return () => {
    if (active === mine) clearWintunLogger();
  };
}

function nativeLibrary(): string | null {
  const path = join(applicationFolder(), 'wgts.dll');
  return existsSync(path) ? path : null;
}

/** The callback is never released: threads that are about to log still need it. */
function logAtOnce(library: WintunLibrary, log: Log): () => void {
  const callback = koffi().register((level: number, timestamp: bigint | number, text: string) => {
    log({ level: levelOf(level), time: timeOfTimestamp(timestamp), text });
  }, declareCallbacks().logger as never);
  library.WintunSetLogger(callback);
  return () => undefined;
}

function logByQueue(library: WintunLibrary, log: Log, path: string): () => void {
  const native = koffi().load(path);
  const take = native.func('uint32_t wg_ts_take_wintun_log(void *entry)');
  const entry = Buffer.alloc(ENTRY.size);
  const fetch = (): void => {
    for (let i = 0; i < FETCHED_AT_ONCE && take(entry) === 1; i++) log(decodeEntry(entry));
  };
  const timer = setInterval(fetch, FETCH_MS).unref();
  library.setLoggerAddress(addressOfFunction(path, 'wg_ts_wintun_log'));
  return () => {
    clearInterval(timer);
    fetch();
    // koffi unloads a library without references, and a thread may be about to log.
    kept.add(native);
  };
}

const kept = new Set<unknown>();

/** The text is zero-terminated. */
function decodeEntry(entry: Buffer): WintunLogEntry {
  const text = entry.toString('utf16le', ENTRY.text).split('\0', 1)[0] ?? '';
  const lost = entry.readUInt32LE(ENTRY.lost);
  return {
    level: levelOf(entry.readInt32LE(ENTRY.level)),
    time: timeOfTimestamp(entry.readBigUInt64LE(ENTRY.timestamp)),
    text: lost === 0 ? text : `${text} (${lost} messages before it were lost)`,
  };
}

function addressOfFunction(path: string, name: string): number {
  const kernel32 = systemLibrary('kernel32.dll');
  const getModule = kernel32.func('uintptr_t __stdcall GetModuleHandleW(const char16_t *path)');
  const getAddress = kernel32.func(
    'uintptr_t __stdcall GetProcAddress(uintptr_t module, const char *name)',
  );
  return getAddress(getModule(path), name);
}

function clearWintunLogger(): void {
  active?.library.WintunSetLogger(null);
  active?.end();
  active = undefined;
}
