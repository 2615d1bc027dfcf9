import { beforeEach, describe, expect, it } from 'vitest';
import type { NetworkChange } from '../../network/ways.js';
import { type Wakeups, watchWakeups } from '../../src/control/endpoints/wakeup.js';
import { MemoryLogger, VirtualClock } from './support.js';

const CHANGE: NetworkChange = { links: new Map(), lostAddresses: new Set() };

describe('watchWakeups', () => {
  let clock: VirtualClock;
  let logger: MemoryLogger;
  let asleep: number;
  let wakeups: string[];
  let closed: string[];
  let networkChanges: () => void;
  let clockJumps: () => void;

  beforeEach(() => {
    clock = new VirtualClock();
    logger = new MemoryLogger();
    asleep = 0;
    wakeups = [];
    closed = [];
  });

  function watch(tells: 'jumps' | 'nothing of sleep' | 'nothing'): Wakeups {
    return watchWakeups({
      interfaceName: 'office',
      clock,
      logger,
      onWakeup: (reason) => wakeups.push(reason),
      sources: {
        network(onChange) {
          if (tells === 'nothing') throw new Error('no netlink');
          networkChanges = () => onChange(CHANGE);
          return { close: () => closed.push('network') };
        },
        clockJumps(onJump) {
          if (tells !== 'jumps') return undefined;
          clockJumps = onJump;
          return { close: () => closed.push('jumps') };
        },
        awake: () => clock.now() - asleep,
      },
    });
  }

  const sleep = (duration: number): void => {
    clock.sleep(duration);
    asleep += duration;
  };

  it('reports one wake-up for a burst of changes, when it is over', () => {
    const watched = watch('jumps');
    for (let i = 0; i < 5; i++) {
      networkChanges();
      clock.advance(200);
    }
    expect(wakeups).toEqual([]);
    clock.advance(50);
    expect(wakeups).toEqual(['the network has changed']);
    networkChanges();
    clock.advance(250);
    expect(wakeups).toHaveLength(2);
    watched.close();
  });

  it('does not wait for the end of a burst that has none', () => {
    const watched = watch('jumps');
    for (let i = 0; i < 41; i++) {
      networkChanges();
      clock.advance(100);
    }
    expect(wakeups).toHaveLength(2);
    watched.close();
  });

  it('tells sleep from a clock that was set', () => {
    const watched = watch('jumps');
    clockJumps();
    clock.advance(10_000);
    expect(wakeups).toEqual([]);
    sleep(60_000);
    clockJumps();
    clock.advance(250);
    expect(wakeups).toEqual(['the machine has slept']);
    clockJumps();
    clock.advance(10_000);
    expect(wakeups).toHaveLength(1);
    watched.close();
  });

  it('gives sleep as the reason when the network has changed in the same burst', () => {
    const watched = watch('jumps');
    sleep(60_000);
    clockJumps();
    networkChanges();
    clock.advance(250);
    expect(wakeups).toEqual(['the machine has slept']);
    watched.close();
  });

  it('takes no notice of a nap', () => {
    const watched = watch('jumps');
    sleep(2000);
    clockJumps();
    clock.advance(10_000);
    expect(wakeups).toEqual([]);
    watched.close();
  });

  it('keeps no timer where the system reports sleep', () => {
    const watched = watch('jumps');
    expect(clock.waiting).toBe(0);
    watched.close();
    expect(closed).toEqual(['network', 'jumps']);
  });

  it('checks by itself where the system does not report sleep', () => {
    const watched = watch('nothing of sleep');
    clock.advance(60_000);
    expect(wakeups).toEqual([]);
    sleep(60_000);
    clock.advance(5_250);
    expect(wakeups).toEqual(['the machine has slept']);
    watched.close();
  });

  it('goes on without what cannot be watched', () => {
    const watched = watch('nothing');
    expect(logger.lines).toEqual(['debug: changes of the network are not followed: no netlink']);
    sleep(60_000);
    clock.advance(6000);
    expect(wakeups).toHaveLength(1);
    watched.close();
  });

  it('reports nothing after close, and waits for nothing', () => {
    for (const shows of ['jumps', 'nothing of sleep'] as const) {
      const watched = watch(shows);
      networkChanges();
      watched.close();
      watched.close();
      networkChanges();
      expect(clock.waiting).toBe(0);
    }
    clock.advance(60_000);
    expect(wakeups).toEqual([]);
    expect(closed).toEqual(['network', 'jumps', 'network']);
  });

  it.runIf(process.platform === 'linux')('opens and closes what Linux has for it', () => {
    const watched = watchWakeups({
      interfaceName: 'none-such',
      clock,
      logger,
      onWakeup: (reason) => wakeups.push(reason),
    });
    expect(logger.lines).toEqual([]);
    expect(clock.waiting).toBe(0);
    watched.close();
    watched.close();
  });
});
