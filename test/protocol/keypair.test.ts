import { beforeEach, describe, expect, it } from 'vitest';
import { REJECT_AFTER_TIME } from '../../protocol/constants.js';
import { KeypairSlots, type SlottedKeypair } from '../../protocol/keypair.js';

let slots: KeypairSlots<SlottedKeypair>;

function made(localIndex: number, isInitiator: boolean, createdAt = localIndex): SlottedKeypair {
  return { localIndex, isInitiator, createdAt };
}

beforeEach(() => {
  slots = new KeypairSlots();
});

describe('keypair slots', () => {
  it('give the initiator its new keypair at once and keep the one before', () => {
    const [one, two, three] = [made(1, true), made(2, true), made(3, true)];
    expect([one, two].map((keypair) => slots.install(keypair))).toEqual([[], []]);
    expect([slots.previous, slots.current, slots.next]).toEqual([one, two, undefined]);
    expect(slots.install(three)).toEqual([one]);
  });

  it('let the responder wait for confirmation', () => {
    const [one, two] = [made(1, false), made(2, false)];
    slots.install(one);
    expect([slots.previous, slots.current, slots.next]).toEqual([undefined, undefined, one]);
    expect(slots.isConfirmedBy(one)).toBe(true);
    expect(slots.promote()).toBeUndefined();
    expect(slots.isConfirmedBy(one)).toBe(false);
    slots.install(two);
    expect(slots.promote()).toBeUndefined();
    expect([slots.previous, slots.current, slots.next]).toEqual([one, two, undefined]);
    slots.install(made(3, false));
    expect(slots.promote()).toBe(one);
  });

  it('drop an unconfirmed keypair for a newer one', () => {
    const one = made(1, false);
    slots.install(one);
    expect(slots.install(made(2, false))).toEqual([one]);
  });

  it('keep but never promote an unconfirmed keypair that is older than the current one', () => {
    const [one, two] = [made(1, false), made(2, true)];
    slots.install(one);
    expect(slots.install(two)).toEqual([]);
    expect([slots.previous, slots.current, slots.next]).toEqual([undefined, two, one]);
    expect(slots.isConfirmedBy(one)).toBe(false);
    expect(slots.isConfirmedBy(two)).toBe(false);
  });

  it('drop an unconfirmed keypair that has expired', () => {
    const stale = made(1, false);
    slots.install(stale);
    expect(slots.install(made(2, true, 1 + REJECT_AFTER_TIME - 1))).toEqual([]);
    const second = slots.current;
    expect(slots.install(made(3, true, 1 + REJECT_AFTER_TIME))).toEqual([stale]);
    expect([slots.previous, slots.next]).toEqual([second, undefined]);
  });

  it('promote one that is as old as the current one', () => {
    const one = made(1, false, 5);
    slots.install(made(2, true, 5));
    slots.install(one);
    expect(slots.isConfirmedBy(one)).toBe(true);
  });

  it('give up everything', () => {
    const all = [made(1, true), made(2, true), made(3, false)];
    for (const keypair of all) slots.install(keypair);
    expect(slots.clear()).toEqual(all);
    expect(slots.clear()).toEqual([]);
  });
});
