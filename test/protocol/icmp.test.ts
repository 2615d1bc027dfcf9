import { describe, expect, it } from 'vitest';
import { UnreachableReplies } from '../../protocol/icmp.js';
import type { Family } from '../../protocol/packet.js';
import { ip, ipPacket, onesComplementSum } from '../support/packets.js';

function replyTo(packet: Uint8Array): Uint8Array | undefined {
  return new UnreachableReplies().replyTo(0, packet, ((packet[0] as number) >> 4) as Family);
}

describe('the answer to an IPv4 packet', () => {
  it.each([0, 1, 7, 500, 548, 549, 1400])(
    'is right in every field, with %i bytes of data',
    (size) => {
      const packet = ipPacket('10.0.0.1', '10.9.9.9', new Uint8Array(size).fill(3));
      const reply = replyTo(packet) as Uint8Array;
      const view = new DataView(reply.buffer);
      expect(reply[0]).toBe(0x45);
      expect(view.getUint16(2)).toBe(reply.length);
      expect(reply.length).toBe(Math.min(576, 28 + packet.length));
      expect(reply[8]).toBeGreaterThan(1);
      expect(reply[9]).toBe(1);
      expect(reply.subarray(12, 16)).toEqual(ip('10.9.9.9'));
      expect(reply.subarray(16, 20)).toEqual(ip('10.0.0.1'));
      expect(onesComplementSum(reply.subarray(0, 20))).toBe(0xffff);
      expect([...reply.subarray(20, 22)]).toEqual([3, 1]);
      expect(onesComplementSum(reply.subarray(20))).toBe(0xffff);
      expect([...reply.subarray(24, 28)]).toEqual([0, 0, 0, 0]);
      expect(reply.subarray(28)).toEqual(packet.subarray(0, reply.length - 28));
    },
  );

  const icmp = (type: number): Uint8Array =>
    ipPacket('10.0.0.1', '10.9.9.9', Uint8Array.of(type, 0, 0, 0), 1);
  const fragment = ipPacket('10.0.0.1', '10.9.9.9', 'not the first part');
  fragment[7] = 1;
  const cutOptions = ipPacket('10.0.0.1', '10.9.9.9', '');
  cutOptions[0] = 0x4f;

  it.each([
    ['an ICMP error', icmp(3)],
    ['another ICMP error', icmp(11)],
    ['a redirect', icmp(5)],
    ['a later fragment', fragment],
    ['a header that is longer than the packet', cutOptions],
    ['a multicast packet', ipPacket('10.0.0.1', '224.0.0.251', '')],
    ['a broadcast packet', ipPacket('10.0.0.1', '255.255.255.255', '')],
    ['a packet from nowhere', ipPacket('0.0.0.0', '10.9.9.9', '')],
    ['a packet from a group', ipPacket('224.0.0.1', '10.9.9.9', '')],
  ])('is not given to %s', (_, packet) => {
    expect(replyTo(packet)).toBeUndefined();
  });

  it.each([0, 8, 13])('is given to the ICMP query %i', (type) => {
    expect(replyTo(icmp(type))).toBeDefined();
  });
});

describe('the answer to an IPv6 packet', () => {
  it.each([0, 1, 7, 1191, 1192, 1193, 1360])(
    'is right in every field, with %i bytes of data',
    (size) => {
      const packet = ipPacket('fd00::1', '2001:db8::9', new Uint8Array(size).fill(3));
      const reply = replyTo(packet) as Uint8Array;
      const view = new DataView(reply.buffer);
      expect(reply[0]).toBe(0x60);
      expect(view.getUint16(4)).toBe(reply.length - 40);
      expect(reply.length).toBe(Math.min(1280, 48 + packet.length));
      expect(reply[6]).toBe(58);
      expect(reply.subarray(8, 24)).toEqual(ip('2001:db8::9'));
      expect(reply.subarray(24, 40)).toEqual(ip('fd00::1'));
      expect([...reply.subarray(40, 42)]).toEqual([1, 3]);
      const tail = new Uint8Array(8);
      new DataView(tail.buffer).setUint32(0, reply.length - 40);
      tail[7] = 58;
      expect(onesComplementSum(reply.subarray(8, 40), tail, reply.subarray(40))).toBe(0xffff);
      expect([...reply.subarray(44, 48)]).toEqual([0, 0, 0, 0]);
      expect(reply.subarray(48)).toEqual(packet.subarray(0, reply.length - 48));
    },
  );

  it.each([
    ['an ICMPv6 error', ipPacket('fd00::1', '2001:db8::9', Uint8Array.of(1, 0), 58)],
    ['a multicast packet', ipPacket('fd00::1', 'ff02::1', '')],
    ['a packet from a group', ipPacket('ff02::1', '2001:db8::9', '')],
    ['a packet from nowhere', ipPacket('::', '2001:db8::9', '')],
  ])('is not given to %s', (_, packet) => {
    expect(replyTo(packet)).toBeUndefined();
  });

  it('is given to an echo request', () => {
    expect(replyTo(ipPacket('fd00::1', '2001:db8::9', Uint8Array.of(128, 0), 58))).toBeDefined();
  });
});

describe('the rate', () => {
  it('is a burst of 50 and then 50 a second', () => {
    const replies = new UnreachableReplies();
    const packet = ipPacket('10.0.0.1', '10.9.9.9', 'x');
    const answered = (now: number, tries: number): number => {
      let count = 0;
      for (let i = 0; i < tries; i++) if (replies.replyTo(now, packet, 4)) count++;
      return count;
    };
    expect(answered(1_000_000, 200)).toBe(50);
    expect(answered(1_000_100, 200)).toBe(5);
    expect(answered(1_000_119, 200)).toBe(0);
    expect(answered(1_000_120, 200)).toBe(1);
    expect(answered(2_000_000, 200)).toBe(50);
  });
});
