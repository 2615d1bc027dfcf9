import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_REQUEST_BYTES, RequestReader, type UapiRequest } from '../../src/uapi/request.js';

/** What a request is, and of set=1 the text. */
function read(...chunks: readonly string[]): string[] {
  const reader = new RequestReader();
  const told = (request: UapiRequest): string =>
    request.type === 'set' ? `set ${Buffer.from(request.bytes)}` : request.type;
  return chunks.flatMap((chunk) => reader.push(Buffer.from(chunk)).map(told));
}

describe('requests', () => {
  it.each([
    ['get=1\n\n', ['get']],
    ['get=1\n\nget=1\n\n', ['get', 'get']],
    ['set=1\nfwmark=1\n\nget=1\n\n', ['set set=1\nfwmark=1\n\n', 'get']],
    ['set=1\n\n', ['set set=1\n\n']],
    [`set=1\n${'x'.repeat(9000)}\n\n`, [`set set=1\n${'x'.repeat(9000)}\n\n`]],
    ['set=12\n\n', ['invalid']],
    ['get=1\nfwmark=1\n\n', ['invalid']],
    ['get=2\n\n', ['invalid']],
    ['hello\n\n', ['invalid']],
    ['\n', ['invalid']],
    ['get=1\n', []],
    ['', []],
  ])('of %j are %j', (text, operations) => {
    expect(read(text)).toEqual(operations);
  });

  it('may come in any pieces', () => {
    const request = fc.constantFrom('get=1\n\n', 'set=1\nprivate_key=00\n\n', 'what\n\n');
    fc.assert(
      fc.property(fc.array(request, { maxLength: 5 }), fc.array(fc.nat(80)), (requests, cuts) => {
        const whole = requests.join('');
        const places = [0, ...cuts.map((c) => Math.min(c, whole.length)), whole.length].sort(
          (a, b) => a - b,
        );
        const pieces = places.slice(1).map((end, i) => whole.slice(places[i], end));
        expect(read(...pieces)).toEqual(read(whole));
      }),
      { numRuns: 50 },
    );
  });

  it('end at 4 MiB', () => {
    const reader = new RequestReader();
    expect(reader.push(Buffer.alloc(MAX_REQUEST_BYTES, 'x'))).toEqual([]);
    expect(() => reader.push(Buffer.from('x'))).toThrow(RangeError);
  });

  it('are zeroed where they came in', () => {
    const chunk = Buffer.from('set=1\nprivate_key=1234\n');
    new RequestReader().push(chunk);
    expect(chunk.every((byte) => byte === 0)).toBe(true);
  });
});
