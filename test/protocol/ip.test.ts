import { BlockList, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalAddress,
  contains,
  formatIp,
  formatPrefix,
  type IpPrefix,
  isLinkLocal,
  maskPrefix,
  networkId,
  networkOf,
  parseIp,
  parsePrefix,
} from '../../protocol/ip.js';

const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });
/** Long runs of zeros and mapped addresses are where text forms differ. */
const sparse = fc
  .array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 })
  .map((list) => Uint8Array.from(list));
const mapped = bytes(4).map((tail) => Uint8Array.of(...new Array(10).fill(0), 255, 255, ...tail));
const anyAddress = fc.oneof(bytes(4), bytes(16), sparse, mapped);

const hex = (data: Uint8Array | undefined): string | undefined =>
  data && Buffer.from(data).toString('hex');

describe('parseIp', () => {
  it('reads addresses in network order', () => {
    const expected: Record<string, string> = {
      '0.0.0.0': '00000000',
      '255.255.255.255': 'ffffffff',
      '192.0.2.17': 'c0000211',
      '::': '00000000000000000000000000000000',
      '::1': '00000000000000000000000000000001',
      '2001:db8::': '20010db8000000000000000000000000',
      '2001:DB8::a:B': '20010db8000000000000000000 0a000b'.replace(' ', ''),
      '1:2:3:4:5:6:7:8': '00010002000300040005000600070008',
      '::ffff:192.0.2.17': '00000000000000000000ffffc0000211',
      '::192.0.2.17': '000000000000000000000000c0000211',
      '64:ff9b::192.0.2.17': '0064ff9b0000000000000000c0000211',
      '1:2:3:4:5:6:192.0.2.17': '000100020003000400050006c0000211',
    };
    for (const [text, wanted] of Object.entries(expected))
      expect(hex(parseIp(text)), text).toBe(wanted);
  });

  it('drops the zone of an IPv6 address', () => {
    const wanted = 'fe800000000000000000000000000001';
    for (const zone of ['eth0', '2', 'eth0.100', 'wg-office', 'Ethernet 2'])
      expect(hex(parseIp(`fe80::1%${zone}`)), zone).toBe(wanted);
  });

  it('refuses what is not an address, or not plainly one', () => {
    const refused = [
      '',
      '1',
      '1.2.3',
      '127.1',
      '3232235777',
      '010.0.0.1',
      '1.2.3.04',
      '0x7f.0.0.1',
      '0x7f000001',
      '256.0.0.1',
      '1.2.3.4.5',
      '1.2.3.-4',
      ' 1.2.3.4',
      '1.2.3.4 ',
      '1.2.3.4\n',
      '1.2.3.4%eth0',
      '1.2.3.4:80',
      '٣.0.0.1',
      ':',
      ':::',
      '::1::',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '1:2:3:4:5:6:7:1.2.3.4',
      '12345::',
      '::g',
      '[::1]',
      ' ::1',
      '::1\n',
      '::1%',
      '::1%a%b',
      '%eth0',
      '::1/64',
      '1.2.3.4::',
      '::1.2.3',
      '::ffff:010.0.0.1',
      '::ffff:0x7f.0.0.1',
      '::ffff:256.0.0.1',
      'example.com',
      'fe80::example.com',
    ];
    for (const text of refused) expect(parseIp(text), JSON.stringify(text)).toBeUndefined();
  });

  it('agrees with the system on what an IPv6 address is', () => {
    const piece = fc.constantFrom(':', '::', '0', '1', 'ffff', '12345', '1.2.3.4', '.', 'g', '01');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        if (text.includes(':')) expect(parseIp(text) !== undefined, text).toBe(isIPv6(text));
      }),
      { numRuns: 500 },
    );
  });
});

describe('formatIp', () => {
  it('is canonical', () => {
    const expected: Record<string, string> = {
      '192.0.2.1': '192.0.2.1',
      '2001:0DB8:0:0:0:0:0:1': '2001:db8::1',
      '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
      '2001:0:0:1:0:0:0:1': '2001:0:0:1::1',
      '2001:db8:0:0:1:0:0:1': '2001:db8::1:0:0:1',
      '0:0:0:0:0:0:0:0': '::',
      '::FFFF:C000:0201': '::ffff:192.0.2.1',
      'fe80::1%eth0': 'fe80::1',
    };
    for (const [text, wanted] of Object.entries(expected))
      expect(formatIp(parseIp(text) ?? new Uint8Array()), text).toBe(wanted);
  });

  it('refuses any length but 4 or 16 bytes', () => {
    for (const length of [0, 3, 5, 15, 17])
      expect(() => formatIp(new Uint8Array(length))).toThrow(RangeError);
  });

  it('is read back by parseIp', () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        expect(parseIp(formatIp(address))).toEqual(address);
      }),
    );
  });
});

describe('parsePrefix', () => {
  it('reads networks and hosts, and keeps host bits', () => {
    expect(parsePrefix('10.1.2.3/8')).toEqual({ address: Uint8Array.of(10, 1, 2, 3), length: 8 });
    expect(parsePrefix('10.1.2.3')?.length).toBe(32);
    expect(parsePrefix('0.0.0.0/0')?.length).toBe(0);
    expect(parsePrefix('fd00::1')?.length).toBe(128);
    expect(parsePrefix('::/0')?.length).toBe(0);
    expect(hex(parsePrefix('fd00::1/128')?.address)).toBe('fd000000000000000000000000000001');
  });

  it('refuses bad lengths, zones and rubbish', () => {
    for (const length of ['', '33', '-1', '+8', '08', '8 ', ' 8', '1e1', '0x8', '8.0', '8/8', '٨'])
      expect(parsePrefix(`10.0.0.0/${length}`), length).toBeUndefined();
    for (const text of ['', '/', '/8', '10/8', '10.0.0/8', '::/129', '::/1000', 'fe80::1%eth0/64'])
      expect(parsePrefix(text), text).toBeUndefined();
    expect(parsePrefix('fe80::1%eth0')).toBeUndefined();
  });

  it('reads what formatPrefix writes', () => {
    fc.assert(
      fc.property(anyAddress, fc.nat(128), (address, length) => {
        const prefix = { address, length: length % (address.length * 8 + 1) };
        expect(parsePrefix(formatPrefix(prefix))).toEqual(prefix);
      }),
    );
  });
});

describe('maskPrefix', () => {
  it('keeps the leading bits and clears the others', () => {
    const bits = (address: Uint8Array): string =>
      Array.from(address, (byte) => byte.toString(2).padStart(8, '0')).join('');
    fc.assert(
      fc.property(anyAddress, fc.nat(128), (address, some) => {
        const length = some % (address.length * 8 + 1);
        const before = bits(address);
        const masked = maskPrefix({ address, length });
        expect(masked.length).toBe(length);
        expect(bits(masked.address)).toBe(before.slice(0, length).padEnd(before.length, '0'));
        expect(bits(address)).toBe(before);
      }),
    );
  });
});

describe('contains', () => {
  it.each([
    ['10.0.0.0/8', '10.255.1.2', true],
    ['10.0.0.0/8', '11.0.0.0', false],
    ['10.0.0.128/25', '10.0.0.127', false],
    ['10.0.0.128/25', '10.0.0.255', true],
    ['0.0.0.0/0', '1.2.3.4', true],
    ['::/0', '1.2.3.4', false],
    ['fd00::/9', 'fd7f::1', true],
    ['fd00::/9', 'fd80::1', false],
    ['10.0.0.1', '10.0.0.1', true],
    ['10.0.0.1/8', '10.2.0.0/16', true],
    ['10.0.0.0/16', '10.0.0.0/8', false],
    ['fe80::/10', 'fe80::1%eth0', true],
    ['10.0.0.0/8', 'office', false],
    ['office', '10.0.0.1', false],
  ])('%s holds %s: %s', (outer, inner, expected) => {
    expect(contains(outer, inner)).toBe(expected);
  });

  it('agrees with node:net', () => {
    const near = fc.tuple(anyAddress, fc.nat(15), fc.nat(255), fc.nat(128), fc.nat(128));
    fc.assert(
      fc.property(near, ([address, place, value, some, other]) => {
        const bits = address.length * 8;
        const changed = address.slice();
        changed[place % address.length] = value;
        const outer = { address, length: some % (bits + 1) };
        const inner = { address: changed, length: other % (bits + 1) };
        const family = address.length === 4 ? 'ipv4' : 'ipv6';
        const list = new BlockList();
        list.addSubnet(formatIp(address), outer.length, family);
        const holds = inner.length >= outer.length && list.check(formatIp(changed), family);
        expect(contains(outer, inner)).toBe(holds);
        expect(contains(formatPrefix(outer), formatPrefix(inner))).toBe(holds);
      }),
    );
  });
});

describe('networkId', () => {
  it('is the same for prefixes of one network, and for no others', () => {
    const few = fc.constantFrom(0, 1, 128, 255);
    const address = fc.oneof(
      fc.array(few, { minLength: 4, maxLength: 4 }),
      fc.array(few, { minLength: 16, maxLength: 16 }),
    );
    const prefix = fc.tuple(address, fc.nat(128)).map(([list, some]) => ({
      address: Uint8Array.from(list),
      length: some % (list.length * 8 + 1),
    }));
    const text = (one: IpPrefix): string => formatPrefix(maskPrefix(one));
    fc.assert(
      fc.property(prefix, prefix, fc.nat(16), (some, other, length) => {
        const shorter = { address: some.address, length };
        for (const [a, b] of [[some, other] as const, [some, shorter] as const])
          expect(networkId(a) === networkId(b)).toBe(text(a) === text(b));
        const masked = maskPrefix(some);
        expect(networkId(masked)).toBe(networkId(some));
      }),
    );
  });
});

describe('networkOf', () => {
  it('clears the bits of the host, and leaves anything but a network as it is', () => {
    expect(networkOf('10.0.0.130/25')).toBe('10.0.0.128/25');
    expect(networkOf('fd00::2/64')).toBe('fd00::/64');
    expect(networkOf('192.0.2.1')).toBe('192.0.2.1/32');
    expect(networkOf('office')).toBe('office');
  });
});

describe('isLinkLocal', () => {
  it('is true from fe80:: to febf:: only', () => {
    const all = ['fe80::1', 'febf::1', 'fec0::1', 'fe7f::1', '169.254.0.1'].map(isLinkLocal);
    expect(all).toEqual([true, true, false, false, false]);
  });
});

describe('canonicalAddress', () => {
  it('keeps a zone, and refuses what is not an address', () => {
    expect(canonicalAddress('FE80:0::1%eth0')).toBe('fe80::1%eth0');
    expect(canonicalAddress('2001:DB8::0')).toBe('2001:db8::');
    for (const text of ['192.0.2.1%eth0', 'fe80::1%', 'fe80::1%a%b', 'example.com', '010.0.0.1'])
      expect(canonicalAddress(text), text).toBeUndefined();
  });
});
