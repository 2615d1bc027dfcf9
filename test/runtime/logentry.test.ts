import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeEntry,
  encodeEntry,
  entryFilter,
  formatEntry,
  LOG_LEVELS,
  type LogEntry,
} from '../../cli/runtime/logentry.js';
import { RingTail } from '../../cli/runtime/ringtail.js';
import { Secret } from '../../crypto/secret.js';

const AT = Date.UTC(2026, 10, 23, 16, 0, 0, 7);
const entry = (message: string, more: Partial<LogEntry> = {}): LogEntry => ({
  time: AT,
  level: 'info',
  category: ['wg-ts', 'office'],
  message,
  ...more,
});

describe('an entry', () => {
  it('is an object on one line', () => {
    expect(encodeEntry(entry('up'))).toBe(
      '{"time":"2026-11-23T16:00:00.007Z","level":"info","category":["wg-ts","office"],"message":"up"}',
    );
  });

  it('is read as it was written, whatever it says', () => {
    const entries = fc.record({
      time: fc.integer({ min: 0, max: 4e12 }),
      level: fc.constantFrom(...LOG_LEVELS),
      category: fc.array(fc.string()),
      message: fc.string({ unit: 'binary' }),
    });
    fc.assert(
      fc.property(entries, (one) => {
        const line = encodeEntry(one);
        expect(line).not.toContain('\n');
        expect(decodeEntry(line, 'office')).toEqual(one);
      }),
    );
  });

  it('keeps properties, but for what may be a key', () => {
    const bytes = new Uint8Array(32).fill(7);
    const properties = {
      port: 51_820,
      count: 5n,
      bytes,
      buffer: Buffer.from(bytes),
      secret: Secret.copyOf(bytes),
      error: new RangeError('no'),
    };
    expect(decodeEntry(encodeEntry(entry('x', { properties })), '').properties).toEqual({
      port: 51_820,
      count: '5',
      bytes: '32 bytes',
      buffer: '32 bytes',
      secret: '[redacted]',
      error: 'RangeError: no',
    });
  });

  it.each([
    'hello from PostUp',
    '',
    '{',
    '{}',
    '{"time":"yesterday","level":"info","category":[],"message":"x"}',
    '{"time":"2026-11-23T16:00:00.007Z","level":"loud","category":[],"message":"x"}',
    '{"time":"2026-11-23T16:00:00.007Z","level":"info","category":[1],"message":"x"}',
    '{"time":"2026-11-23T16:00:00.007Z","level":"info","category":[]}',
  ])('is what %j is not: the output of something else', (line) => {
    const read = decodeEntry(line, 'office');
    expect(read).toEqual({
      level: 'info',
      category: ['wg-ts', 'office', 'output'],
      message: line,
    });
    expect(formatEntry(read)).toBe(line);
  });

  it('is a line for people, in local time, without control characters', () => {
    expect(formatEntry(entry('up'))).toMatch(/^2026-11-2[34] \d\d:\d\d:00 office: up$/);
    expect(formatEntry(entry('a\u001b[2Jb\rc'))).toMatch(/office: a \[2Jb c$/);
  });
});

describe('what is asked for', () => {
  const wanted = (entries: readonly LogEntry[], filter: Parameters<typeof entryFilter>[0]) =>
    entries.filter(entryFilter(filter)).map(({ message }) => message);

  it('is of a level and above', () => {
    const all = LOG_LEVELS.map((level) => entry(level, { level }));
    expect(wanted(all, {})).toEqual(LOG_LEVELS);
    expect(wanted(all, { level: 'warning' })).toEqual(['warning', 'error', 'fatal']);
  });

  it('is of a time and later; what has none goes with what was before it', () => {
    const untimed = (message: string): LogEntry => ({ level: 'info', category: [], message });
    const all = [
      untimed('first hook'),
      entry('old', { time: AT - 1 }),
      untimed('old hook'),
      entry('new'),
      untimed('new hook'),
    ];
    expect(wanted(all, { since: AT })).toEqual(['first hook', 'new', 'new hook']);
    expect(wanted(all, { since: AT + 1 })).toEqual(['first hook']);
  });
});

describe('a ring that is read again', () => {
  const line = (message: string, time: number): string => encodeEntry(entry(message, { time }));

  it('gives what is new, once', () => {
    const tail = new RingTail();
    const first = [line('a', AT), line('b', AT + 5), line('c', AT + 5)];
    expect(tail.push(`${first.join('\n')}\n`)).toEqual(first);
    tail.restart();
    const second = [...first.slice(1), line('d', AT + 5), line('e', AT + 6), line('e', AT + 6)];
    const text = `${second.join('\n')}\n`;
    const seen = [...tail.push(text.slice(0, 150)), ...tail.push(text.slice(150))];
    expect(seen).toEqual(second.slice(2));
    tail.restart();
    expect(tail.push(text)).toEqual([]);
  });

  it('has lines of others in it', () => {
    const tail = new RingTail();
    expect(tail.push('plain\n')).toEqual(['plain']);
    tail.restart();
    expect(tail.push(`plain\n${line('a', AT)}\nplain\n`)).toEqual([line('a', AT), 'plain']);
  });
});
