import { describe, expect, it } from 'vitest';
import { IndexTable } from '../../protocol/indextable.js';

/** Hands out little-endian numbers in turn, inside of a larger buffer as pools do. */
function rigged(...numbers: readonly number[]): (length: number) => Uint8Array {
  const rest = [...numbers];
  return (length) => {
    const next = rest.shift();
    if (next === undefined || length !== 4) throw new Error('nothing more to hand out');
    const buffer = Buffer.alloc(16, 0xee);
    buffer.writeUInt32LE(next, 5);
    return new Uint8Array(buffer.buffer, buffer.byteOffset + 5, 4);
  };
}

describe('IndexTable', () => {
  it('gives out unsigned random numbers and finds their values', () => {
    const table = new IndexTable<string>(rigged(0xfffffffe, 0, 7));
    expect(table.allocate('a')).toBe(0xfffffffe);
    expect(table.allocate('b')).toBe(0);
    expect(table.allocate('c')).toBe(7);
    expect([0xfffffffe, 0, 7, 8].map((index) => table.get(index))).toEqual([
      'a',
      'b',
      'c',
      undefined,
    ]);
    expect(table.size).toBe(3);
  });

  it('tries again for an index in use', () => {
    const table = new IndexTable<string>(rigged(5, 5, 5, 6));
    table.allocate('a');
    expect(table.allocate('b')).toBe(6);
    expect(table.get(5)).toBe('a');
    expect(table.get(6)).toBe('b');
  });

  it('does not try forever, and keeps what it has', () => {
    const table = new IndexTable<string>(rigged(5, ...Array<number>(8).fill(5), 6));
    table.allocate('a');
    expect(() => table.allocate('b')).toThrow('random gave an index in use 8 times in a row');
    expect([table.size, table.get(5)]).toEqual([1, 'a']);
    expect(table.allocate('b')).toBe(6);
  });

  it('gives a deleted index out again', () => {
    const table = new IndexTable<string>(rigged(5, 5));
    table.allocate('a');
    table.delete(5);
    table.delete(99);
    expect(table.get(5)).toBeUndefined();
    expect(table.size).toBe(0);
    expect(table.allocate('b')).toBe(5);
  });
});
