import { describe, expect, it } from 'vitest';
import { ipFamily, ipLength } from '../../protocol/packet.js';
import { ipPacket } from '../support/packets.js';

const v4 = ipPacket('10.0.0.1', '10.0.0.2', new Uint8Array(10));
const v6 = ipPacket('fd00::1', 'fd00::2', new Uint8Array(10));

describe('the family', () => {
  it.each([
    [v4, 4],
    [v6, 6],
    [v4.subarray(0, 20), 4],
    [v4.subarray(0, 19), undefined],
    [v6.subarray(0, 40), 6],
    [v6.subarray(0, 39), undefined],
    [new Uint8Array(0), undefined],
    [new Uint8Array(100), undefined],
    [new Uint8Array(100).fill(0x50), undefined],
  ] as const)('of case %# is known', (packet, family) => {
    expect(ipFamily(packet)).toBe(family);
  });
});

describe('the length', () => {
  const padded = (packet: Uint8Array): Uint8Array => {
    const longer = new Uint8Array(packet.length + 6);
    longer.set(packet);
    return longer;
  };

  it('is that of the header, whatever follows', () => {
    expect(ipLength(v4, 4)).toBe(30);
    expect(ipLength(padded(v4), 4)).toBe(30);
    expect(ipLength(v6, 6)).toBe(50);
    expect(ipLength(padded(v6), 6)).toBe(50);
  });

  it('is undefined when the packet ends before it', () => {
    expect(ipLength(v4.subarray(0, 29), 4)).toBeUndefined();
    expect(ipLength(v6.subarray(0, 49), 6)).toBeUndefined();
  });

  it('is undefined when it is less than the header', () => {
    const short = Uint8Array.from(v4);
    short[3] = 19;
    expect(ipLength(short, 4)).toBeUndefined();
    short[3] = 20;
    expect(ipLength(short, 4)).toBe(20);
  });
});
