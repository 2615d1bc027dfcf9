import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Lookups } from '../../src/control/endpoints/lookups.js';
import type { Resolver } from '../../src/control/endpoints/resolve.js';
import { MemoryLogger, nextTurn, VirtualClock } from '../src/support.js';

describe('Lookups', () => {
  let clock: VirtualClock;
  let logger: MemoryLogger;
  let answers: string[];

  beforeEach(() => {
    clock = new VirtualClock();
    logger = new MemoryLogger();
    answers = [];
  });

  function lookups(resolver: Resolver): Lookups {
    return new Lookups({
      clock,
      logger,
      resolver,
      onAnswer: (host, addresses) => answers.push(`${host}: ${addresses.join(' ')}`),
    });
  }

  const failing = () =>
    vi.fn<Resolver>(() =>
      Promise.reject(Object.assign(new Error('no answer'), { code: 'EAI_AGAIN' })),
    );

  it('hands over all addresses, and leaves no timer behind', async () => {
    lookups(async () => ['2001:DB8::1', '192.0.2.1']).ask('vpn.example');
    await nextTurn();
    expect(answers).toEqual(['vpn.example: 2001:db8::1 192.0.2.1']);
    expect(clock.waiting).toBe(0);
  });

  it('asks once at a time, also when forced', async () => {
    const resolver = vi.fn<Resolver>(() => new Promise(() => undefined));
    const subject = lookups(resolver);
    subject.ask('vpn.example', true);
    subject.ask('vpn.example', true);
    subject.ask('other.example');
    expect(resolver.mock.calls).toEqual([['vpn.example'], ['other.example']]);
  });

  it('waits longer and longer between lookups that do not help', async () => {
    const resolver = failing();
    const subject = lookups(resolver);
    const askedAt: number[] = [];
    const begin = clock.now();
    for (let second = 0; second <= 200; second++) {
      const before = resolver.mock.calls.length;
      subject.ask('vpn.example');
      if (resolver.mock.calls.length > before) askedAt.push((clock.now() - begin) / 1000);
      await nextTurn();
      clock.advance(1000);
    }
    expect(askedAt).toEqual([0, 10, 30, 70, 150]);
  });

  it('asks at once again when the peer had answered, or when forced', async () => {
    const resolver = failing();
    const subject = lookups(resolver);
    for (let i = 0; i < 5; i++) {
      subject.ask('vpn.example');
      await nextTurn();
    }
    expect(resolver).toHaveBeenCalledTimes(1);
    subject.settled('vpn.example');
    subject.ask('vpn.example');
    await nextTurn();
    subject.ask('vpn.example', true);
    expect(resolver).toHaveBeenCalledTimes(3);
  });

  it('warns once of failures in a row, and reports when they end', async () => {
    let isDown = true;
    const subject = lookups(async () => {
      if (isDown) throw Object.assign(new Error('x'), { code: 'EAI_AGAIN' });
      return ['192.0.2.1'];
    });
    const ask = async () => {
      subject.ask('vpn.example', true);
      await nextTurn();
    };
    await ask();
    await ask();
    isDown = false;
    await ask();
    await ask();
    isDown = true;
    await ask();
    expect(logger.lines.map((line) => line.split(':')[0])).toEqual([
      'warn',
      'debug',
      'info',
      'warn',
    ]);
  });

  it('gives up a lookup that does not end, and still takes its late answer', async () => {
    let answer = (_: string[]): void => undefined;
    const resolver = vi.fn<Resolver>(
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    const subject = lookups(resolver);
    subject.ask('vpn.example');
    clock.advance(15_000);
    expect(logger.lines).toEqual(['warn: looking vpn.example up again: no answer']);
    answer(['192.0.2.1']);
    await nextTurn();
    expect(answers).toEqual(['vpn.example: 192.0.2.1']);
  });

  it('says nothing after close, and waits for nothing', async () => {
    const subject = lookups(async () => ['192.0.2.1']);
    subject.ask('vpn.example');
    subject.close();
    expect(clock.waiting).toBe(0);
    await nextTurn();
    subject.ask('other.example');
    await nextTurn();
    expect(answers).toEqual([]);
  });
});
