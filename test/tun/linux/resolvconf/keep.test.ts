import { beforeEach, describe, expect, it } from 'vitest';
import { Keeper } from '../../../../network/linux/resolvconf/keep.js';
import type { Found } from '../../../../network/linux/resolvconf/resolvconf.js';
import { nextTurn, VirtualClock } from '../../../src/support.js';

let clock: VirtualClock;
let warnings: string[];
/** When the file was looked at. */
let looks: number[];
let found: () => Found;
let keeper: Keeper;

beforeEach(() => {
  clock = new VirtualClock();
  warnings = [];
  looks = [];
  found = () => ({ state: 'ours' });
  const look = async (): Promise<Found> => {
    looks.push(clock.now());
    return found();
  };
  keeper = new Keeper('/etc/resolv.conf', 'office', look, (text) => warnings.push(text), clock);
});

const STEP_MS = 1000;

async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += STEP_MS) {
    clock.advance(STEP_MS);
    await nextTurn();
  }
}

describe('the keeper of resolv.conf', () => {
  it('looks once for many notices, and is silent about its own writing', async () => {
    for (let i = 0; i < 10; i++) keeper.changed();
    await pass(10_000);
    expect(looks).toHaveLength(1);
    expect(warnings).toEqual([]);
  });

  it('names the program that has written the file, once', async () => {
    found = () => ({ state: 'rewritten', by: 'dhclient' });
    keeper.changed();
    await pass(1000);
    keeper.changed();
    await pass(10_000);
    expect(looks).toHaveLength(2);
    expect(warnings).toEqual([expect.stringContaining('another program ("dhclient")')]);
  });

  it('waits longer each time, and gives up in the end', async () => {
    found = () => {
      // The other program writes at once again.
      keeper.changed();
      return { state: 'rewritten' };
    };
    keeper.changed();
    await pass(3_600_000);
    expect(clock.delays).toEqual([100, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000]);
    expect(warnings).toHaveLength(2);
    expect(warnings[1]).toMatch(/giving up.*wg-ts down office/);
    keeper.changed();
    await pass(3_600_000);
    expect(looks).toHaveLength(8);
  });

  it('never gives up on a program that writes now and then', async () => {
    found = () => ({ state: 'rewritten', by: 'dhclient' });
    for (let i = 0; i < 30; i++) {
      keeper.changed();
      await pass(600_000);
    }
    expect(looks).toHaveLength(30);
    expect(warnings).toHaveLength(30);
    expect(warnings.join()).not.toContain('giving up');
  });

  it('tries again after a failure, but not without end', async () => {
    found = () => {
      throw new Error('no space left');
    };
    keeper.changed();
    await pass(3_600_000);
    expect(looks).toHaveLength(8);
    expect(warnings[0]).toContain('no space left');
  });

  it('looks from time to time while another tunnel shares the file, and no longer', async () => {
    found = () => (looks.length < 4 ? { state: 'ours', isShared: true } : { state: 'ours' });
    keeper.changed();
    await pass(600_000);
    expect(clock.delays).toEqual([100, 5000, 5000, 5000]);
    expect(warnings).toEqual([]);
  });

  it('does not wait for the next of these looks when the file changes', async () => {
    found = () => ({ state: 'ours', isShared: true });
    keeper.changed();
    await pass(1000);
    keeper.changed();
    await pass(1000);
    expect(looks).toHaveLength(2);
    keeper.close();
    await pass(60_000);
    expect(looks).toHaveLength(2);
  });

  it('does nothing after its end', async () => {
    keeper.changed();
    keeper.close();
    keeper.changed();
    await pass(10_000);
    expect(looks).toEqual([]);
  });
});
