import { describe, expect, it, vi } from 'vitest';
import type { NetConfig } from '../../network/netconfig.js';
import { parsePrefix } from '../../protocol/ip.js';
import { parseConfig } from '../../src/config/parse.js';
import { chooseMtu } from '../../src/tunnel/mtu.js';
import { INTERFACE } from '../config/samples.js';

const V4 = '10.0.0.2/24';
const V6 = 'fd00::2/64';

/** `outer` are the MTUs towards the peers; undefined is no route. */
async function mtuOf(
  outer: readonly (number | undefined)[],
  { addresses = [V4], mtu }: { addresses?: readonly string[]; mtu?: number } = {},
): Promise<number> {
  const config = {
    ...parseConfig(INTERFACE).config.interface,
    addresses: addresses.map((text) => parsePrefix(text)).filter((prefix) => prefix !== undefined),
    ...(mtu !== undefined && { mtu }),
  };
  const endpoints = outer.map((_, i) => ({ address: `192.0.2.${i}`, port: 1 }));
  const mtuTowards = vi.fn(async (address: string) => outer[Number(address.split('.')[3])]);
  return await chooseMtu(config, endpoints, { mtuTowards } as unknown as NetConfig);
}

describe('chooseMtu', () => {
  it.each([
    { title: 'what the configuration says', outer: [1500], mtu: 1300, expected: 1300 },
    { title: 'even less than IPv6 needs', outer: [], mtu: 600, addresses: [V6], expected: 600 },
    { title: 'the route’s, less the overhead', outer: [1500], expected: 1420 },
    { title: 'PPPoE', outer: [1492], expected: 1412 },
    { title: 'jumbo frames', outer: [9000], expected: 8920 },
    { title: 'the least of several peers', outer: [9000, 1400, 1500], expected: 1320 },
    { title: 'the default without peers', outer: [], expected: 1420 },
    { title: 'the default without a route', outer: [undefined, undefined], expected: 1420 },
    { title: 'the known ones only', outer: [undefined, 1450], expected: 1370 },
    { title: 'the IPv6 minimum', outer: [1300], addresses: [V4, V6], expected: 1280 },
    { title: 'the exact IPv6 minimum', outer: [1360], addresses: [V6], expected: 1280 },
    { title: 'less with IPv4 only', outer: [1300], expected: 1220 },
    { title: 'the IPv4 minimum', outer: [600], expected: 576 },
    { title: 'the loopback’s, as far as UDP goes', outer: [65_536], expected: 65_455 },
  ])('is $title', async ({ outer, expected, ...config }) => {
    expect(await mtuOf(outer, config)).toBe(expected);
  });

  it('asks nothing when the configuration says it', async () => {
    const mtuTowards = vi.fn();
    const config = { ...parseConfig(INTERFACE).config.interface, mtu: 1400 };
    const endpoints = [{ address: '192.0.2.1', port: 1 }];
    await chooseMtu(config, endpoints, { mtuTowards } as unknown as NetConfig);
    expect(mtuTowards).not.toHaveBeenCalled();
  });

  it('is the default without a system', async () => {
    const endpoints = [{ address: '192.0.2.1', port: 1 }];
    const config = parseConfig(INTERFACE).config.interface;
    expect(await chooseMtu(config, endpoints, undefined)).toBe(1420);
  });
});
