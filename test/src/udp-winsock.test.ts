import { describe, expect, it } from 'vitest';
import { encodeInterfaceIndex, encodeWindowsSockaddr } from '../../udp/windows/winsock.js';

describe('what Winsock is given', () => {
  it('has an interface in network order for IPv4, in that of the machine for IPv6', () => {
    expect([...encodeInterfaceIndex(4, 0x010203)]).toEqual([0, 1, 2, 3]);
    expect([...encodeInterfaceIndex(6, 0x010203)]).toEqual([3, 2, 1, 0]);
  });

  it('has addresses with the families of Windows', () => {
    const v4 = encodeWindowsSockaddr(2, '127.0.0.1', 0x1234);
    expect([...(v4 ?? [])]).toEqual([2, 0, 0x12, 0x34, 127, 0, 0, 1, ...Array(8).fill(0)]);
    const v6 = encodeWindowsSockaddr(23, '::1', 0x1234);
    expect([...(v6 ?? [])]).toEqual([23, 0, 0x12, 0x34, ...Array(19).fill(0), 1, 0, 0, 0, 0]);
    expect(encodeWindowsSockaddr(2, '::1', 1)).toBeUndefined();
    expect(encodeWindowsSockaddr(2, 'nowhere', 1)).toBeUndefined();
  });

  it('has the zone of an address, which is a number', () => {
    const linkLocal = encodeWindowsSockaddr(23, 'fe80::1%7', 0x1234);
    const address = [0xfe, 0x80, ...Array(13).fill(0), 1];
    expect([...(linkLocal ?? [])]).toEqual([23, 0, 0x12, 0x34, 0, 0, 0, 0, ...address, 7, 0, 0, 0]);
    expect(encodeWindowsSockaddr(2, '127.0.0.1%7', 1)).toBeUndefined();
  });
});
