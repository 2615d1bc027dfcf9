import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadTestLibrary, whyNoTestLibrary } from './testlibrary.js';

const here = whyNoTestLibrary === undefined ? describe : describe.skip;

/** What has the form of a transport message. */
function transport(index: number, counter: bigint, length: number): Buffer {
  const message = randomBytes(length);
  message.writeUInt32LE(4, 0);
  message.writeUInt32LE(index, 4);
  message.writeBigUInt64LE(counter, 8);
  return message;
}

here(`joined datagrams${whyNoTestLibrary ? ` (skipped: ${whyNoTestLibrary})` : ''}`, () => {
  let joinedSize: (bytes: Uint8Array) => number;
  beforeAll(() => {
    const library = loadTestLibrary('joined', { files: ['native/lib/joined.c'] });
    const call = library.func('size_t joined_size(void *bytes, size_t length)');
    joinedSize = (bytes) => Number(call(bytes, bytes.length));
  });

  const index = fc.nat(0xffff_ffff);
  const counter = fc.bigInt({ min: 0n, max: 2n ** 31n });

  it('show their size by what follows the first', () => {
    const many = fc.record({
      index,
      counter,
      size: fc.integer({ min: 32, max: 1500 }),
      count: fc.integer({ min: 1, max: 40 }),
      rest: fc.integer({ min: 32, max: 1500 }),
    });
    fc.assert(
      fc.property(many, ({ index: i, counter: first, size, count, rest }) => {
        const messages = Array.from({ length: count }, (_, n) =>
          transport(i, first + BigInt(n), size),
        );
        messages.push(transport(i, first + BigInt(count), Math.min(rest, size)));
        expect(joinedSize(Buffer.concat(messages))).toBe(size);
      }),
      { numRuns: 200 },
    );
  });

  it('are not seen in a single one, nor in what is not a transport message', () => {
    fc.assert(
      fc.property(index, counter, fc.integer({ min: 16, max: 3000 }), (i, n, length) => {
        const message = transport(i, n, length);
        expect(joinedSize(message)).toBe(0);
        const other = Buffer.concat([message, message]);
        other.writeUInt32LE(1, 0);
        expect(joinedSize(other)).toBe(0);
      }),
    );
  });

  it('are not looked for beyond the end', () => {
    const message = transport(1, 1n, 64);
    const cut = Buffer.concat([message, message.subarray(0, 31)]);
    expect(joinedSize(cut)).toBe(0);
    expect(joinedSize(Buffer.alloc(0))).toBe(0);
  });
});
