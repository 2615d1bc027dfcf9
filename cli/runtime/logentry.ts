/** One record of a tunnel's log: a line of JSON in the file, a line of text for the user. */

/** The levels of LogTape, from the least to the most important. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warning', 'error', 'fatal'] as const;

export type LogLevelName = (typeof LOG_LEVELS)[number];

export interface LogEntry {
  /** Milliseconds since 1970; absent for output of a hook or the runtime, which has no time. */
  readonly time?: number;
  readonly level: LogLevelName;
  /** From the widest to the narrowest: `wg-ts`, and the interface's name. */
  readonly category: readonly string[];
  /** One line. */
  readonly message: string;
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** Lines that do not come from the logger: of hooks, and of the runtime when it crashes. */
const OUTPUT = 'output';

/** Returns a line without its line break. */
export function encodeEntry(entry: LogEntry): string {
  const { time, level, category, message, properties = {} } = entry;
  return JSON.stringify(
    {
      ...(time !== undefined && { time: new Date(time).toISOString() }),
      level,
      category,
      message,
      ...(Object.keys(properties).length > 0 && { properties }),
    },
    plainValue,
  );
}

/** Bytes may be a key, so only their number is logged. */
function plainValue(_key: string, value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  if (isWrittenBuffer(value)) return `${value.data.length} bytes`;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  return typeof value === 'bigint' ? String(value) : value;
}

/** True for a Buffer, which toJSON has already turned into an array. */
function isWrittenBuffer(value: unknown): value is { readonly data: readonly number[] } {
  if (typeof value !== 'object' || value === null) return false;
  const { type, data } = value as Partial<Record<'type' | 'data', unknown>>;
  return type === 'Buffer' && Array.isArray(data);
}

/** A line that is not a record is output of a hook or the runtime in the tunnel `name`. */
export function decodeEntry(line: string, name: string): LogEntry {
  return (
    (line.startsWith('{') ? parseEntry(line) : undefined) ?? {
      level: 'info',
      category: ['wg-ts', name, OUTPUT],
      message: line,
    }
  );
}

function parseEntry(line: string): LogEntry | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const { time, level, category, message, properties } = value as Record<keyof LogEntry, unknown>;
  const at = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  const known = LOG_LEVELS.find((one) => one === level);
  if (Number.isNaN(at) || known === undefined || typeof message !== 'string') return undefined;
  if (!Array.isArray(category) || !category.every((part) => typeof part === 'string'))
    return undefined;
  return {
    time: at,
    level: known,
    category,
    message,
    ...(isRecord(properties) && { properties }),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `2026-11-23 16:00:00 office: message` in local time; lines without a time are unchanged. */
export function formatEntry({ time, category, message }: LogEntry): string {
  if (time === undefined) return message;
  return `${formatTime(new Date(time))} ${category.at(-1) ?? 'wg-ts'}: ${withoutControls(message)}`;
}

/** Control characters from a name or a configuration must not reach the terminal. */
function withoutControls(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}

function formatTime(date: Date): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`;
}

/** Selects the entries of a log. */
export interface LogFilter {
  /** This level and those above it; absent: all. */
  readonly level?: LogLevelName;
  /** Milliseconds since 1970; absent: from the beginning. */
  readonly since?: number;
}

/**
 * Returns a predicate for the entries of a log, to be called in their order. An entry without a time
 * belongs to the one before it.
 */
export function entryFilter({ level, since }: LogFilter): (entry: LogEntry) => boolean {
  const lowest = level === undefined ? 0 : LOG_LEVELS.indexOf(level);
  let lastTime: number | undefined;
  return (entry) => {
    lastTime = entry.time ?? lastTime;
    if (since !== undefined && (lastTime ?? since) < since) return false;
    return LOG_LEVELS.indexOf(entry.level) >= lowest;
  };
}
