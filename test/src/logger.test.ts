import { configure, type LogRecord, reset } from '@logtape/logtape';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { defaultLogger, loadedLogger } from '../../src/logger.js';
import { waitFor } from '../support/waiting.js';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

async function recorded(log: () => void | Promise<void>): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  await configure({
    reset: true,
    sinks: { memory: (record) => records.push(record) },
    loggers: [
      { category: 'wg-ts', sinks: ['memory'], lowestLevel: 'debug' },
      { category: ['logtape', 'meta'], sinks: [], lowestLevel: 'error' },
    ],
  });
  await log();
  return records;
}

describe('before LogTape is loaded', () => {
  /** As in a program that has just started. */
  beforeEach(() => vi.resetModules());

  afterEach(async () => {
    await reset();
    vi.doUnmock('../../src/logtape.js');
  });

  it('lines wait for it, and come in their order', async () => {
    const fresh = await import('../../src/logger.js');
    const records = await recorded(async () => {
      const logger = fresh.defaultLogger('office');
      logger.info('first');
      logger.warn('second');
      await fresh.loadedLogger('office');
      logger.debug('third');
    });
    await waitFor(() => expect(records).toHaveLength(3));
    expect(records.map(({ level, message }) => [level, ...message])).toEqual([
      ['info', 'first'],
      ['warning', 'second'],
      ['debug', 'third'],
    ]);
  });

  it('no line of a logger that is made afterwards waits', async () => {
    const fresh = await import('../../src/logger.js');
    const logger = fresh.defaultLogger('office');
    const records = await recorded(async () => {
      (await fresh.loadedLogger('office')).info('first');
    });
    logger.info('second');
    expect(records.map(({ message }) => message.join(''))).toEqual(['first', 'second']);
  });

  it('nothing happens to a program in which it is missing', async () => {
    let asked = 0;
    vi.doMock('../../src/logtape.js', () => {
      asked++;
      throw new Error('no LogTape');
    });
    const { defaultLogger: freshLogger } = await import('../../src/logger.js');
    const logger = freshLogger('office');
    expect(() => logger.info('unheard')).not.toThrow();
    expect(() => logger.info('unheard')).not.toThrow();
    await waitFor(() => expect(asked).toBe(1));
    await new Promise((resolve) => setImmediate(resolve));
    expect(() => logger.error('unheard')).not.toThrow();
  });
});

describe('defaultLogger', () => {
  beforeAll(async () => {
    await loadedLogger('office');
  });

  afterEach(async () => {
    await reset();
    vi.restoreAllMocks();
  });

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
