import { describe, expect, it } from 'vitest';
import { UndoStack } from '../../src/undo.js';
import { nextTurn } from './support.js';

const unexpected = (name: string): never => expect.unreachable(name);

describe('UndoStack', () => {
  it('undoes the last first, one after the other', async () => {
    const stack = new UndoStack();
    const done: string[] = [];
    stack.push('first', () => {
      done.push('first');
    });
    stack.push('second', async () => {
      done.push('second begins');
      await nextTurn();
      done.push('second ends');
    });
    await stack.unwind(unexpected);
    expect(done).toEqual(['second begins', 'second ends', 'first']);
  });

  it('goes on after failures, and reports each', async () => {
    const stack = new UndoStack();
    const done: string[] = [];
    const [thrown, rejected] = [new Error('thrown'), new Error('rejected')];
    stack.push('a', () => {
      done.push('a');
    });
    stack.push('b', () => {
      throw thrown;
    });
    stack.push('c', () => {
      done.push('c');
    });
    stack.push('d', () => Promise.reject(rejected));
    const failures: unknown[] = [];
    await stack.unwind((...failure) => failures.push(failure));
    expect(done).toEqual(['c', 'a']);
    expect(failures).toEqual([
      ['d', rejected],
      ['b', thrown],
    ]);
  });

  it('undoes nothing twice', async () => {
    const stack = new UndoStack();
    let times = 0;
    stack.push('once', async () => {
      await nextTurn();
      times++;
    });
    await Promise.all([stack.unwind(unexpected), stack.unwind(unexpected)]);
    await stack.unwind(unexpected);
    expect(times).toBe(1);
  });
});
