import { configure, type LogRecord, reset } from '@logtape/logtape';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { defaultLogger } from '../../src/logger.js';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

describe('defaultLogger', () => {
  afterEach(async () => {
    await reset();
    vi.restoreAllMocks();
  });

  async function recorded(log: () => void): Promise<LogRecord[]> {
    const records: LogRecord[] = [];
    await configure({
      reset: true,
      sinks: { memory: (record) => records.push(record) },
      loggers: [
        { category: 'wg-ts', sinks: ['memory'], lowestLevel: 'debug' },
        { category: ['logtape', 'meta'], sinks: [], lowestLevel: 'error' },
      ],
    });
    log();
    return records;
  }

  it('logs under the interface’s name, each level as it is', async () => {
    const logger = defaultLogger('office');
    const records = await recorded(() => {
      for (const level of LEVELS) logger[level](`a ${level} line`);
    });
    expect(records.map(({ category, level, message }) => [category, level, message])).toEqual(
      LEVELS.map((level) => [
        ['wg-ts', 'office'],
        level === 'warn' ? 'warning' : level,
        [`a ${level} line`],
      ]),
    );
  });

  it('takes any text literally', async () => {
    const texts = fc.sample(fc.string({ unit: fc.constantFrom('{', '}', 'a', ' ', '*') }), 300);
    const logger = defaultLogger('office');
    const records = await recorded(() => {
      for (const text of texts) logger.info(text);
    });
    expect(records.map(({ message }) => message.join(''))).toEqual(texts);
  });

  it.each(['{name}', '{}', '{{', '}', '{*}', 'PostUp: awk "{print $1}" {a{b}c}', '$& $1'])(
    'takes %s literally',
    async (text) => {
      const [record] = await recorded(() => defaultLogger('office').warn(text));
      expect(record?.message.join('')).toBe(text);
    },
  );

  it('prints nothing unless the program configures it', () => {
    const prints = [
      vi.spyOn(process.stdout, 'write'),
      vi.spyOn(process.stderr, 'write'),
      ...(['debug', 'info', 'log', 'warn', 'error'] as const).map((f) => vi.spyOn(console, f)),
    ];
    const logger = defaultLogger('office');
    for (const level of LEVELS) logger[level]('unheard');
    for (const print of prints) expect(print).not.toHaveBeenCalled();
  });
});
