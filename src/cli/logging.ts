import { configure, type LogLevel, type LogRecord } from '@logtape/logtape';

/** Takes one line without its end; `text` is the line without time and name. */
export type LineSink = (line: string, level: LogLevel, text: string) => void;

/** Sends what tunnels log to `sink`, as `2026-11-23 16:00:00 office: message` in local time. */
export async function startLogging(sink: LineSink, options: { verbose: boolean }): Promise<void> {
  await configure({
    reset: true,
    sinks: {
      lines(record) {
        const text = textOf(record);
        sink(
          `${formatTime(new Date(record.timestamp))} ${nameOf(record)}: ${text}`,
          record.level,
          text,
        );
      },
    },
    loggers: [
      {
        category: 'wg-ts',
        sinks: ['lines'],
        lowestLevel: options.verbose ? 'debug' : 'info',
      },
      { category: ['logtape', 'meta'], sinks: ['lines'], lowestLevel: 'error' },
    ],
  });
}

function nameOf({ category }: LogRecord): string {
  return category.at(-1) ?? 'wg-ts';
}

function textOf({ message }: LogRecord): string {
  return message
    .map(String)
    .join('')
    .replace(/\s*\n\s*/g, ' ');
}

function formatTime(date: Date): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`;
}

const MAX_LOG_BYTES = 1024 * 1024;

/** Passes lines on up to 1 MiB in all, so that a log in memory stays small. */
export function bounded(
  write: (text: string) => void,
  limit: number = MAX_LOG_BYTES,
): (line: string) => void {
  let left = limit;
  return (line) => {
    if (left <= 0) return;
    const text = `${line}\n`;
    left -= Buffer.byteLength(text);
    write(left > 0 ? text : 'the log is full: nothing more is written to it\n');
  };
}
