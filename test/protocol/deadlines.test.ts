import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Deadlines } from '../../protocol/deadlines.js';

describe('deadlines', () => {
  it('come up in order, each item once', () => {
    const deadlines = new Deadlines<string>();
    for (const [item, at] of Object.entries({ c: 3, a: 1, b: 2 })) deadlines.schedule(item, at);
    expect(deadlines.next).toBe(1);
    expect(deadlines.takeDue(0)).toBeUndefined();
    expect(deadlines.takeDue(2)).toBe('a');
    expect(deadlines.takeDue(2)).toBe('b');
    expect(deadlines.takeDue(2)).toBeUndefined();
    expect(deadlines.takeDue(3)).toBe('c');
    expect(deadlines.next).toBeUndefined();
  });

  it('never come up for Infinity or after they were forgotten', () => {
    const deadlines = new Deadlines<string>();
    deadlines.schedule('never', Number.POSITIVE_INFINITY);
    expect(deadlines.next).toBeUndefined();
    deadlines.schedule('forgotten', 1);
    deadlines.forget('forgotten');
    expect(deadlines.takeDue(10)).toBeUndefined();
  });

  it('come up early rather than late when they are moved, and hold few entries', () => {
    const deadlines = new Deadlines<string>();
    deadlines.schedule('item', 10);
    for (let at = 11; at < 1000; at++) deadlines.schedule('item', at);
    expect(deadlines.takeDue(10)).toBe('item');
    expect(deadlines.next).toBeUndefined();
    deadlines.schedule('item', 20);
    deadlines.schedule('item', 5);
    expect(deadlines.takeDue(5)).toBe('item');
    expect(deadlines.takeDue(1000)).toBeUndefined();
  });

  it('agree with a plain list', () => {
    const step = fc.tuple(
      fc.constantFrom('schedule', 'take', 'forget'),
      fc.nat({ max: 20 }),
      fc.nat({ max: 100 }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const deadlines = new Deadlines<number>();
        const model = new Map<number, number>();
        for (const [what, item, time] of steps) {
          if (what === 'schedule') {
            deadlines.schedule(item, time);
            model.set(item, Math.min(time, model.get(item) ?? time));
          } else if (what === 'forget') {
            deadlines.forget(item);
            model.delete(item);
          } else {
            const taken = deadlines.takeDue(time);
            const least = Math.min(...model.values());
            if (least > time) expect(taken).toBeUndefined();
            else expect(model.get(taken as number)).toBe(least);
            model.delete(taken as number);
          }
          const next = Math.min(...model.values());
          if (model.size > 0) expect(deadlines.next).toBeLessThanOrEqual(next);
        }
      }),
      { numRuns: 200 },
    );
  });
});
