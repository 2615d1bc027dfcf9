import { koffi } from '../libraries.js';
import { WintunLoggerLevel } from './constants.js';
import { declareCallbacks, type WintunLibrary } from './library.js';

export interface WintunLogEntry {
  readonly level: 'info' | 'warn' | 'error';
  readonly time: Date;
  readonly text: string;
}

/** From 1601-01-01, where Windows' time begins, to 1970-01-01. */
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

interface Active {
  readonly library: WintunLibrary;
  readonly callback: unknown;
}

let active: Active | undefined;

/**
 * Lets wintun.dll tell `log` what it does; one logger for the whole process, as it has but one. From a
 * thread of its own the message comes by the event loop: such a thread waits for it a turn. So `log`
 * does little, and nothing that it throws goes back. Answers what ends it.
 */
export function setWintunLogger(
  library: WintunLibrary,
  log: (entry: WintunLogEntry) => void,
): () => void {
  clearWintunLogger();
  const callback = koffi().register((level: number, timestamp: bigint | number, text: string) => {
    try {
      log({ level: levelOf(level), time: timeOfTimestamp(timestamp), text });
    } catch {
      // It would go into code of the driver's.
    }
  }, declareCallbacks().logger as never);
  const mine: Active = { library, callback };
  active = mine;
  library.WintunSetLogger(callback);
  return () => {
    if (active === mine) clearWintunLogger();
  };
}

/** Threads that are about to log still find the callback: it is not given back. */
function clearWintunLogger(): void {
  active?.library.WintunSetLogger(null);
  active = undefined;
}
