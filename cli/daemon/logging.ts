import { configure, type LogRecord } from '@logtape/logtape';
import type { LogEntry } from '../runtime/logentry.js';

/** Called with each record that is logged. */
export type EntrySink = (entry: LogEntry) => void;

/** Sends the log records of tunnels to `sink`. */
export async function startLogging(
  sink: EntrySink,
  { verbose = false }: { readonly verbose?: boolean },
): Promise<void> {
  await configure({
    reset: true,
    sinks: { entries: (record) => sink(entryOf(record)) },
    loggers: [
      {
        category: 'wg-ts',
        sinks: ['entries'],
        lowestLevel: verbose ? 'debug' : 'info',
      },
      { category: ['logtape', 'meta'], sinks: ['entries'], lowestLevel: 'error' },
    ],
  });
}

export function entryOf({ timestamp, level, category, message, properties }: LogRecord): LogEntry {
  return {
    time: timestamp,
    level,
    category,
    message: message
      .map(String)
      .join('')
      .replace(/\s*\n\s*/g, ' '),
    properties,
  };
}
