import { endianness } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeRouteQuestion, parseRouteAnswers } from '../../../network/linux/routequery.js';
import { parseIp } from '../../../protocol/ip.js';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

function question(address: string, mark = 0, link = 0): string {
  const destination = parseIp(address) ?? new Uint8Array();
  const bytes = encodeRouteQuestion({ destination, mark, link, sequence: 9 });
  return Buffer.from(bytes).toString('hex');
}

// What Linux 6 has answered.
const BY_ROUTER = hex(
  '700000001800000009000000a049000002200000fe0000010002000008000f00fe00000008000100cb007109' +
    '080004000300000008000700c612010108000500c6120102080019000000000024000c00020000000000000000' +
    '0000000000000000000000000000000000000000000000',
);
const ON_LINK = hex(
  '9c0000001800000009000000a04900000a808000fe0200010000000008000f00fe00000014000100' +
    '20010db800010000000000000000000214000200000000000000000000000000000000001400070020010db8' +
    '0001000000000000000000010800060000010000080004000300000024000c0002000000000000000000' +
    '000000000000000000000000000000000000000000000500140000000000',
);
const NO_ROUTE = hex(
  '440000000200000009000000a04900009bffffff300000001a00010009000000000000000a800000000000000000' +
    '00001400010020010db8007700000000000000000001',
);

describe.runIf(endianness() === 'LE')('encodeRouteQuestion', () => {
  it.each([
    [
      'an IPv4 address',
      '203.0.113.9',
      0,
      0,
      '240000001a000100090000000000000002200000000000000000000008000100cb007109',
    ],
    [
      'a firewall mark',
      '203.0.113.9',
      7,
      0,
      '2c0000001a000100090000000000000002200000000000000000000008000100cb0071090800100007000000',
    ],
    [
      'an IPv6 address on one link',
      'fe80::5',
      0,
      2,
      '380000001a00010009000000000000000a800000000000000000000014000100' +
        'fe8000000000000000000000000000050800040002000000',
    ],
  ])('asks about %s', (_, address, mark, link, expected) => {
    expect(question(address, mark, link)).toBe(expected);
  });
});

describe.runIf(endianness() === 'LE')('parseRouteAnswers', () => {
  const way = (link: number, source: string, gateway: string) => ({ link, source, gateway });

  it('reads link, source and gateway', () => {
    expect(parseRouteAnswers(BY_ROUTER)).toEqual([
      { sequence: 9, way: way(3, '198.18.1.1', '198.18.1.2') },
    ]);
    expect(parseRouteAnswers(ON_LINK)).toEqual([{ sequence: 9, way: way(3, '2001:db8:1::1', '') }]);
  });

  it('reads an IPv6 router of an IPv4 address', () => {
    const via = '160012000a0020010db80001000000000000000000020000';
    const link = '0800040003000000';
    const route = '022000000000000100000000';
    const bytes = hex(`3c000000180000000900000000000000${route}${link}${via}`);
    expect(parseRouteAnswers(bytes)).toEqual([{ sequence: 9, way: way(3, '', '2001:db8:1::2') }]);
  });

  it('reads that there is no way, by an error or by the type of the route', () => {
    expect(parseRouteAnswers(NO_ROUTE)).toEqual([{ sequence: 9, way: 'unreachable' }]);
    const prohibited = Uint8Array.from(ON_LINK);
    prohibited[16 + 7] = 8;
    expect(parseRouteAnswers(prohibited)).toEqual([{ sequence: 9, way: 'unreachable' }]);
  });

  it('takes an acknowledgement, or a lack of memory, for no answer', () => {
    for (const error of ['00000000', 'f4ffffff', '97ffffff']) {
      const bytes = Uint8Array.from(NO_ROUTE);
      bytes.set(hex(error), 16);
      expect(parseRouteAnswers(bytes)).toEqual([]);
    }
  });

  it('reads several answers, and ends at one that is cut off', () => {
    const both = Buffer.concat([BY_ROUTER, NO_ROUTE, ON_LINK.subarray(0, 40)]);
    expect(parseRouteAnswers(both).map(({ way: one }) => typeof one)).toEqual(['object', 'string']);
  });

  it('ends with every input', () => {
    const bytes = Buffer.concat([BY_ROUTER, ON_LINK, NO_ROUTE]);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(bytes.length), (at, value, end) => {
        const broken = Uint8Array.from(bytes);
        broken[at] = value;
        expect(parseRouteAnswers(broken.subarray(0, end)).length).toBeLessThanOrEqual(3);
      }),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (any) => void parseRouteAnswers(any)));
  });
});
