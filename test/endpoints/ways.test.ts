import { beforeEach, describe, expect, it } from 'vitest';
import type { NetworkChange, WayAnswer } from '../../network/ways.js';
import { WayTable } from '../../src/control/endpoints/ways.js';
import { VirtualClock } from '../src/support.js';

const [A, B] = ['192.0.2.1', '192.0.2.2'] as const;
const [WIRED, WIRELESS] = [2, 3] as const;
const by = (link: number, gateway = '198.18.0.1', source = '198.18.0.9'): WayAnswer => ({
  link,
  source,
  gateway,
});
const BATCH = 4;

describe('WayTable', () => {
  let clock: VirtualClock;
  let inUse: Set<string>;
  let answers: Map<string, WayAnswer>;
  let asked: (readonly string[])[];
  let changed: string[][];
  let lost: number[];
  let table: WayTable;

  beforeEach(() => {
    clock = new VirtualClock();
    inUse = new Set([A, B]);
    answers = new Map([A, B].map((address) => [address, by(WIRED)]));
    asked = [];
    changed = [];
    lost = [];
    table = new WayTable({
      queries: {
        batch: BATCH,
        ask(addresses) {
          asked.push(addresses);
          return addresses.map((address) => answers.get(address));
        },
        close: () => undefined,
      },
      clock,
      mark: () => 0,
      inUse: () => inUse,
      onChanged: (addresses) => changed.push([...addresses]),
      onLost: (count) => lost.push(count),
    });
    table.start();
    clock.advance(1000);
    asked = [];
  });

  const take = (change: Partial<NetworkChange>): void =>
    table.take({ links: new Map(), lostAddresses: new Set(), ...change });

  const check = (): string[][] => {
    changed = [];
    table.check();
    clock.advance(1000);
    return changed;
  };

  it('does not report a way that is still the same', () => {
    expect(changed).toEqual([]);
    expect(check()).toEqual([]);
    answers.set(A, by(WIRED));
    expect(check()).toEqual([]);
  });

  it.each([
    ['link', by(WIRELESS)],
    ['gateway', by(WIRED, '198.18.0.2')],
    ['source', by(WIRED, '198.18.0.1', '198.18.0.8')],
  ])('reports another %s once', (_, way) => {
    answers.set(A, way);
    expect(check()).toEqual([[A]]);
    expect(check()).toEqual([]);
  });

  it('reports a way that was lost when there is one again', () => {
    answers.set(A, 'unreachable');
    expect(check()).toEqual([]);
    expect(check()).toEqual([]);
    expect(lost).toEqual([1]);
    answers.set(A, by(WIRED));
    expect(check()).toEqual([[A]]);
    expect(check()).toEqual([]);
  });

  it('reports the first way to an address that had none', () => {
    inUse.add('192.0.2.3');
    answers.set('192.0.2.3', 'unreachable');
    expect(check()).toEqual([]);
    answers.set('192.0.2.3', by(WIRED));
    expect(check()).toEqual([['192.0.2.3']]);
  });

  it('reports a way whose link was down, when that is up again', () => {
    take({ links: new Map([[WIRED, 'down']]) });
    expect(check()).toEqual([]);
    take({ links: new Map([[WIRELESS, 'up']]) });
    expect(check()).toEqual([]);
    take({ links: new Map([[WIRED, 'up']]) });
    expect(check()).toEqual([[A, B]]);
    expect(check()).toEqual([]);
  });

  it('reports a way whose link or source was gone within one burst', () => {
    take({ links: new Map([[WIRED, 'down']]) });
    take({ links: new Map([[WIRED, 'up']]) });
    expect(check()).toEqual([[A, B]]);
    answers.set(B, by(WIRELESS, '198.18.0.1', '198.18.0.7'));
    expect(check()).toEqual([[B]]);
    take({ lostAddresses: new Set(['198.18.0.7']) });
    expect(check()).toEqual([[B]]);
  });

  it('takes no notice of other links and addresses', () => {
    take({ links: new Map([[7, 'down']]), lostAddresses: new Set(['172.17.0.1']) });
    take({ links: new Map([[7, 'gone']]) });
    expect(check()).toEqual([]);
  });

  it('keeps the last answer when the system gives none', () => {
    answers.delete(A);
    expect(check()).toEqual([]);
    answers.set(A, by(WIRED));
    expect(check()).toEqual([]);
  });

  it('asks once for an address that comes into use, and reports nothing', () => {
    inUse.add('192.0.2.3');
    table.add('192.0.2.3');
    table.add('192.0.2.3');
    table.add(A);
    clock.advance(1000);
    expect(asked).toEqual([['192.0.2.3']]);
    expect(changed).toEqual([]);
  });

  it('forgets addresses that are no longer in use, also without a check', () => {
    for (let i = 0; i < 1000; i++) {
      inUse = new Set([`198.51.100.${i % 250}`]);
      table.add(`198.51.100.${i % 250}`);
      clock.advance(1);
    }
    answers.clear();
    inUse = new Set([A]);
    answers.set(A, by(WIRELESS));
    expect(check()).toEqual([]);
  });

  it('compares nothing with what was before a new start', () => {
    answers.set(A, by(WIRELESS));
    table.start();
    clock.advance(1000);
    expect(changed).toEqual([]);
    expect(check()).toEqual([]);
  });

  it('asks about many in batches, reports them at once, and stops when closed', () => {
    for (let i = 0; i < 10; i++) inUse.add(`203.0.113.${i}`);
    for (const address of inUse) answers.set(address, by(WIRED));
    check();
    asked = [];
    for (const address of inUse) answers.set(address, by(WIRELESS));
    table.check();
    expect(asked.map((addresses) => addresses.length)).toEqual([BATCH]);
    clock.advance(1);
    expect(asked).toHaveLength(2);
    expect(changed).toEqual([]);
    clock.advance(1);
    expect(asked.flat().sort()).toEqual([...inUse].sort());
    expect(changed.map((addresses) => addresses.length)).toEqual([12]);
    clock.advance(1);
    table.check();
    table.close();
    clock.advance(1000);
    expect(asked).toHaveLength(4);
  });
});
