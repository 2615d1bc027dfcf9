import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateLimiter } from '../../protocol/ratelimiter.js';

/** How many of `tries` at the same time are let through. */
function burst(limiter: RateLimiter, address: string, now: number, tries = 20): number {
  let allowed = 0;
  for (let i = 0; i < tries; i++) if (limiter.allow(address, now)) allowed++;
  return allowed;
}

describe('RateLimiter', () => {
  it('lets five through at once, then one every 50 ms', () => {
    const limiter = new RateLimiter();
    expect(burst(limiter, '192.0.2.1', 1000)).toBe(5);
    expect(limiter.allow('192.0.2.1', 1049)).toBe(false);
    expect(limiter.allow('192.0.2.1', 1050)).toBe(true);
    expect(limiter.allow('192.0.2.1', 1050)).toBe(false);
    expect(burst(limiter, '192.0.2.1', 1150)).toBe(2);
  });

  it('lets 20 a second through in the long run, however many come', () => {
    const limiter = new RateLimiter();
    let allowed = 0;
    for (let now = 0; now < 10_000; now++) if (limiter.allow('192.0.2.1', now)) allowed++;
    expect(allowed).toBe(5 + 199);
  });

  it('fills up to five again, but not beyond', () => {
    const limiter = new RateLimiter();
    expect(burst(limiter, '192.0.2.1', 0)).toBe(5);
    expect(burst(limiter, '192.0.2.1', 3_600_000)).toBe(5);
  });

  it('limits each IPv4 address separately', () => {
    const limiter = new RateLimiter();
    expect(burst(limiter, '192.0.2.1', 0)).toBe(5);
    expect(burst(limiter, '192.0.2.2', 0)).toBe(5);
    expect(burst(limiter, '192.0.2.1', 0)).toBe(0);
  });

  it('limits IPv6 by /64, whatever the zone and spelling', () => {
    const limiter = new RateLimiter();
    expect(burst(limiter, '2001:db8:0:1::1', 0)).toBe(5);
    expect(limiter.allow('2001:db8:0:1:ffff:ffff:ffff:ffff', 0)).toBe(false);
    expect(limiter.allow('2001:0db8:0000:0001::1', 0)).toBe(false);
    expect(limiter.allow('2001:db8:0:2::1', 0)).toBe(true);
    expect(burst(limiter, 'fe80::1%eth0', 0)).toBe(5);
    expect(limiter.allow('fe80::2%eth1', 0)).toBe(false);
  });

  it('takes an IPv4-mapped address for the IPv4 address', () => {
    const limiter = new RateLimiter();
    expect(burst(limiter, '::ffff:192.0.2.1', 0)).toBe(5);
    expect(limiter.allow('192.0.2.1', 0)).toBe(false);
    expect(limiter.allow('::ffff:192.0.2.2', 0)).toBe(true);
    expect(burst(limiter, '::1', 0)).toBe(5);
    expect(limiter.allow('::2', 0)).toBe(false);
    expect(limiter.allow('::fffe:192.0.2.3', 0)).toBe(false);
  });

  it('does not take an IPv6 network for an IPv4 address', () => {
    const limiter = new RateLimiter();
    expect(burst(limiter, '0.0.0.0', 0)).toBe(5);
    expect(burst(limiter, '::1', 0)).toBe(5);
  });

  it('refuses what is not an address, and keeps nothing of it', () => {
    const limiter = new RateLimiter();
    expect(limiter.allow('example.com', 0)).toBe(false);
    expect(limiter.size).toBe(0);
  });

  it('forgets idle sources', () => {
    const limiter = new RateLimiter();
    for (let i = 0; i < 200; i++) limiter.allow(`192.0.2.${i}`, i);
    expect(limiter.size).toBeGreaterThan(0);
    limiter.allow('198.51.100.1', 1_300);
    expect(limiter.size).toBe(1);
  });

  it('forgets idle sources while an older one stays busy', () => {
    const limiter = new RateLimiter();
    expect(burst(limiter, '192.0.2.0', 0, 3)).toBe(3);
    for (let i = 1; i < 100; i++) limiter.allow(`192.0.2.${i}`, 0);
    for (let now = 50; now <= 1_000; now += 50)
      expect(limiter.allow('192.0.2.0', now), String(now)).toBe(true);
    expect(limiter.size).toBe(1);
  });

  it('does not forget a source that still has to wait, though older ones are idle', () => {
    const limiter = new RateLimiter();
    limiter.allow('192.0.2.1', 0);
    expect(burst(limiter, '192.0.2.2', 900)).toBe(5);
    expect(limiter.allow('192.0.2.2', 940)).toBe(false);
    expect(burst(limiter, '192.0.2.3', 940)).toBe(5);
    expect(limiter.allow('192.0.2.2', 940)).toBe(false);
  });

  it('refuses new sources at the cap, goes on with the known, and recovers', () => {
    const limiter = new RateLimiter({ maxSources: 3 });
    for (const last of [1, 2, 3]) expect(limiter.allow(`192.0.2.${last}`, 0)).toBe(true);
    expect(limiter.allow('192.0.2.4', 0)).toBe(false);
    expect(limiter.size).toBe(3);
    expect(limiter.allow('192.0.2.1', 0)).toBe(true);
    expect(limiter.allow('192.0.2.4', 1_001)).toBe(true);
  });

  it('stays bounded under a flood from ever new sources', () => {
    const limiter = new RateLimiter({ maxSources: 1000 });
    let greatest = 0;
    for (let i = 0; i < 20_000; i++) {
      limiter.allow(`2001:db8:${(i >> 8).toString(16)}:${(i & 255).toString(16)}::1`, i / 100);
      greatest = Math.max(greatest, limiter.size);
    }
    expect(greatest).toBe(1000);
  });

  it('agrees with a plain bucket per source', () => {
    const packet = fc.record({ wait: fc.nat(120), source: fc.nat(3) });
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 200 }), (packets) => {
        const limiter = new RateLimiter();
        const buckets = new Map<number, { tokens: number; at: number }>();
        let now = 0;
        for (const { wait, source } of packets) {
          now += wait;
          const bucket = buckets.get(source) ?? { tokens: 250, at: now };
          bucket.tokens = Math.min(250, bucket.tokens + now - bucket.at);
          bucket.at = now;
          buckets.set(source, bucket);
          const expected = bucket.tokens >= 50;
          if (expected) bucket.tokens -= 50;
          expect(limiter.allow(`192.0.2.${source}`, now)).toBe(expected);
        }
      }),
    );
  });
});
