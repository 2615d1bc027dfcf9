import { describe, expect, it } from 'vitest';
import { echoReply, echoRequest, isReplyTo } from '../../cli/pair/packets.js';

describe('an echo', () => {
  const pairs = [
    [Uint8Array.of(10, 0, 0, 1), Uint8Array.of(10, 0, 0, 2)],
    [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)],
  ] as const;

  it.each(pairs)('between %s and %s is answered as asked', (from, to) => {
    const request = echoRequest([from, to], 7);
    const reply = echoReply(request);
    if (!reply) throw new Error('no reply');
    expect(isReplyTo(request, reply)).toBe(true);
    expect(isReplyTo(request, request)).toBe(false);
    expect(isReplyTo(echoRequest([from, to], 8), reply)).toBe(false);
    expect(echoReply(reply)).toBeUndefined();
    expect(echoReply(request.subarray(0, 10))).toBeUndefined();
  });

  it('has the checksums of RFC 1071: all words add up to all ones', () => {
    for (const [from, to] of pairs) {
      const packet = echoRequest([from, to], 1);
      const isV4 = from.length === 4;
      const header = isV4 ? 20 : 40;
      const pseudo = isV4 ? [] : [...from, ...to, 0, packet.length - header, 0, 58];
      expect(onesSum([...pseudo, ...packet.subarray(header)])).toBe(0xffff);
      if (isV4) expect(onesSum([...packet.subarray(0, header)])).toBe(0xffff);
    }
  });
});

function onesSum(bytes: readonly number[]): number {
  let total = 0;
  for (let i = 0; i < bytes.length; i += 2) total += (bytes[i] ?? 0) * 256 + (bytes[i + 1] ?? 0);
  while (total > 0xffff) total = (total % 65_536) + Math.floor(total / 65_536);
  return total;
}
