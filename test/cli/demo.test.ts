import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { beforeAll, describe, expect, it } from 'vitest';
import { echoReply, echoRequest, isReplyTo } from '../../src/cli/echo.js';
import { buildOnce, wgTs } from './support.js';

beforeAll(buildOnce, 90_000);

const REPLIES = /^ {2}reply \d from (\S+): /gm;

function repliesOf(stdout: string): (string | undefined)[] {
  return Array.from(stdout.matchAll(REPLIES), ([, address]) => address);
}

const EXPECTED = [...Array(4).fill('10.77.0.1'), ...Array(4).fill('fd77::1')];

describe('the demo within one process', () => {
  it('pings through a tunnel in both families', async () => {
    const { code, stdout, stderr } = await wgTs(['demo', '--no-root']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(repliesOf(stdout)).toEqual(EXPECTED);
    expect(stdout).toMatch(/^ {2}latest handshake: /m);
    expect(stdout).toMatch(/^ {2}transfer: .* received, .* sent$/m);
    expect(stdout).toContain('Both ends are down again.');
    expect(stdout).toContain('sudo wg-ts up office.conf');
    expect(stdout).not.toContain('EXAMPLE/');
  });

  it('takes another port when its own is in use', async () => {
    const holder = createSocket('udp4');
    holder.bind(51_820, '127.0.0.1');
    // Whoever else has it already does as well.
    await Promise.race([once(holder, 'listening'), once(holder, 'error')]);
    try {
      const { code, stdout } = await wgTs(['demo', '--no-root']);
      expect(code).toBe(0);
      expect(stdout).toContain('port 51820 is in use');
      expect(repliesOf(stdout)).toEqual(EXPECTED);
    } finally {
      holder.close();
    }
  });
});

describe('an echo', () => {
  const pairs = [
    [Uint8Array.of(10, 0, 0, 1), Uint8Array.of(10, 0, 0, 2)],
    [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)],
  ] as const;

  it.each(pairs)('between %s and %s is answered as asked', (from, to) => {
    const request = echoRequest(from, to, 7);
    const reply = echoReply(request);
    if (!reply) throw new Error('no reply');
    expect(isReplyTo(request, reply)).toBe(true);
    expect(isReplyTo(request, request)).toBe(false);
    expect(isReplyTo(echoRequest(from, to, 8), reply)).toBe(false);
    expect(echoReply(reply)).toBeUndefined();
    expect(echoReply(request.subarray(0, 10))).toBeUndefined();
  });

  it('has the checksums of RFC 1071: all words add up to ones', () => {
    for (const [from, to] of pairs) {
      const packet = echoRequest(from, to, 1);
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
