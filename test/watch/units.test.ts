import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAge, formatRate, formatSize } from '../../cli/watch/units.js';

describe('formatSize', () => {
  it.each([
    [0n, '0 B'],
    [1023n, '1023 B'],
    [1024n, '1.00 KiB'],
    [10_235n, '10.0 KiB'],
    [102_400n, '100 KiB'],
    [1_048_064n, '1.00 MiB'],
    [1_047_552n, '1023 KiB'],
    [5n * 1024n ** 3n, '5.00 GiB'],
    [2000n * 1024n ** 4n, '2000 TiB'],
  ])('writes %s as %s', (bytes, expected) => {
    expect(formatSize(bytes)).toBe(expected);
  });

  it('fits eight columns below a thousand TiB', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 999n * 1024n ** 4n), (bytes) => {
        expect(formatSize(bytes).length).toBeLessThanOrEqual(8);
      }),
    );
  });
});

it('a rate that is not known yet is a dash', () => {
  expect([formatRate(undefined), formatRate(0), formatRate(1536.4)]).toEqual([
    '-',
    '0 B/s',
    '1.50 KiB/s',
  ]);
});

it.each([
  [-5, '0s'],
  [0.9, '0s'],
  [59, '59s'],
  [60, '1m 00s'],
  [125, '2m 05s'],
  [3600, '1h 00m'],
  [3 * 86_400 + 4 * 3600 + 59, '3d 04h'],
])('an age of %d seconds is %s', (seconds, expected) => {
  expect(formatAge(seconds)).toBe(expected);
});
