import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AllowedIps } from '../../protocol/allowedips.js';
import {
  formatPrefix,
  type IpPrefix,
  maskPrefix,
  parseIp,
  parsePrefix,
} from '../../protocol/ip.js';

function prefix(text: string): IpPrefix {
  const parsed = parsePrefix(text);
  if (!parsed) throw new Error(`no prefix: ${text}`);
  return parsed;
}

function find<T>(table: AllowedIps<T>, text: string): T | undefined {
  const address = parseIp(text);
  if (!address) throw new Error(`no address: ${text}`);
  return table.lookup(address, 0, address.length === 4 ? 4 : 6);
}

function texts<T>(table: AllowedIps<T>, value: T): string[] {
  return table.entries(value).map(formatPrefix);
}

function tableOf(owners: Record<string, string>): AllowedIps<string> {
  const table = new AllowedIps<string>();
  for (const [text, owner] of Object.entries(owners)) table.insert(prefix(text), owner);
  return table;
}

/** How often a lookup reads a byte of the address, which shows the nodes on the way. */
function readsOf<T>(table: AllowedIps<T>, address: Uint8Array): number {
  let reads = 0;
  const counting = new Proxy(address, {
    get(target, key) {
      if (key !== 'length') reads++;
      return Reflect.get(target, key);
    },
  });
  table.lookup(counting, 0, address.length === 4 ? 4 : 6);
  return reads;
}

/** A list in the order of insertion, searched from end to end. */
class SlowTable {
  #list: { key: string; prefix: IpPrefix; value: number }[] = [];

  insert(wanted: IpPrefix, value: number): number | undefined {
    const masked = maskPrefix(wanted);
    const key = formatPrefix(masked);
    const known = this.#list.find((entry) => entry.key === key);
    if (known?.value === value) return undefined;
    this.#list = this.#list.filter((entry) => entry !== known);
    this.#list.push({ key, prefix: masked, value });
    return known?.value;
  }

  remove(wanted: IpPrefix, value: number): boolean {
    const key = formatPrefix(maskPrefix(wanted));
    const before = this.#list.length;
    this.#list = this.#list.filter((entry) => entry.key !== key || entry.value !== value);
    return this.#list.length < before;
  }

  removeByValue(value: number): void {
    this.#list = this.#list.filter((entry) => entry.value !== value);
  }

  lookup(address: Uint8Array): number | undefined {
    let best: { prefix: IpPrefix; value: number } | undefined;
    for (const entry of this.#list) {
      if (entry.prefix.address.length !== address.length) continue;
      const masked = maskPrefix({ address, length: entry.prefix.length });
      if (!Buffer.from(masked.address).equals(entry.prefix.address)) continue;
      if (!best || entry.prefix.length > best.prefix.length) best = entry;
    }
    return best?.value;
  }

  entries(value: number): string[] {
    return this.#list.filter((entry) => entry.value === value).map((entry) => entry.key);
  }

  get size(): number {
    return this.#list.length;
  }
}

describe('lookup', () => {
  it('finds the longest prefix', () => {
    const table = tableOf({
      '0.0.0.0/0': 'default',
      '10.0.0.0/8': 'ten',
      '10.1.0.0/16': 'office',
      '10.1.2.128/25': 'upper half',
      '10.1.2.200/32': 'host',
      '::/0': 'default6',
      '2001:db8::/32': 'doc',
      '2001:db8::1/128': 'host6',
    });
    const expected: Record<string, string> = {
      '192.0.2.1': 'default',
      '11.0.0.0': 'default',
      '10.255.255.255': 'ten',
      '10.1.255.1': 'office',
      '10.1.2.127': 'office',
      '10.1.2.128': 'upper half',
      '10.1.2.200': 'host',
      '10.1.2.201': 'upper half',
      '::1': 'default6',
      '2001:db9::': 'default6',
      '2001:db8::': 'doc',
      '2001:db8::1': 'host6',
      '2001:db8:ffff::1': 'doc',
    };
    for (const [address, owner] of Object.entries(expected))
      expect(find(table, address), address).toBe(owner);
  });

  it('finds nothing outside of the prefixes, nor at a joining node', () => {
    const table = tableOf({ '10.0.0.0/24': 'a', '10.0.3.0/24': 'b' });
    expect(find(table, '10.0.0.255')).toBe('a');
    expect(find(table, '10.0.3.1')).toBe('b');
    for (const address of ['10.0.1.1', '10.0.2.1', '10.0.4.1', '138.0.0.1', '::'])
      expect(find(table, address), address).toBeUndefined();
    expect(find(new AllowedIps<string>(), '10.0.0.1')).toBeUndefined();
  });

  it('keeps the families apart', () => {
    const table = tableOf({ '0.0.0.0/0': 'a' });
    expect(find(table, '::')).toBeUndefined();
    expect(find(tableOf({ '::/0': 'b' }), '0.0.0.0')).toBeUndefined();
  });

  it('reads the address where it lies in the packet', () => {
    const table = tableOf({ '10.0.0.2/32': 'a', 'fd00::2/128': 'b' });
    const packet = new Uint8Array(60).fill(0xff);
    packet.set(parseIp('10.0.0.2') ?? [], 16);
    packet.set(parseIp('fd00::2') ?? [], 24);
    expect(table.lookup(packet, 16, 4)).toBe('a');
    expect(table.lookup(packet, 12, 4)).toBeUndefined();
    expect(table.lookup(packet, 24, 6)).toBe('b');
    expect(table.lookup(packet, 8, 6)).toBeUndefined();
  });

  it('finds nothing in a packet that is too short', () => {
    const table = tableOf({ '0.0.0.0/0': 'a', '::/0': 'b' });
    expect(table.lookup(new Uint8Array(19), 16, 4)).toBeUndefined();
    expect(table.lookup(new Uint8Array(20), 16, 4)).toBe('a');
    expect(table.lookup(new Uint8Array(39), 24, 6)).toBeUndefined();
    expect(table.lookup(new Uint8Array(40), 24, 6)).toBe('b');
  });
});

describe('insert', () => {
  it('masks the prefix and copies it', () => {
    const table = new AllowedIps<string>();
    const given = prefix('10.1.2.3/20');
    expect(table.insert(given, 'a')).toBeUndefined();
    given.address.fill(0);
    expect(texts(table, 'a')).toEqual(['10.1.0.0/20']);
    table.entries('a')[0]?.address.fill(0);
    expect(find(table, '10.1.15.255')).toBe('a');
    expect(find(table, '10.1.16.0')).toBeUndefined();
  });

  it('moves a prefix from its owner to another', () => {
    const table = tableOf({ '10.0.0.0/8': 'a', '10.1.0.0/16': 'a' });
    expect(table.insert(prefix('10.0.0.9/8'), 'b')).toBe('a');
    expect(texts(table, 'a')).toEqual(['10.1.0.0/16']);
    expect(texts(table, 'b')).toEqual(['10.0.0.0/8']);
    expect(find(table, '10.2.0.0')).toBe('b');
    expect(find(table, '10.1.0.0')).toBe('a');
    expect(table.size).toBe(2);
  });

  it('leaves the prefix in its place when the owner is the same', () => {
    const table = tableOf({ '10.0.0.0/8': 'a', '11.0.0.0/8': 'a' });
    expect(table.insert(prefix('10.0.0.0/8'), 'a')).toBeUndefined();
    expect(texts(table, 'a')).toEqual(['10.0.0.0/8', '11.0.0.0/8']);
    expect(table.size).toBe(2);
  });

  it('refuses what is not a prefix', () => {
    const table = new AllowedIps<string>();
    for (const [bytes, length] of [
      [4, 33],
      [16, 129],
      [4, -1],
      [4, 1.5],
      [5, 8],
      [0, 0],
    ] as const)
      expect(() => table.insert({ address: new Uint8Array(bytes), length }, 'a')).toThrow(
        RangeError,
      );
    expect(table.size).toBe(0);
  });
});

describe('removal', () => {
  it('takes a prefix from its owner only', () => {
    const table = tableOf({ '10.0.0.0/8': 'a' });
    expect(table.remove(prefix('10.0.0.0/8'), 'b')).toBe(false);
    expect(table.remove(prefix('10.0.0.0/9'), 'a')).toBe(false);
    expect(table.remove(prefix('11.0.0.0/8'), 'a')).toBe(false);
    expect(table.remove(prefix('10.9.9.9/8'), 'a')).toBe(true);
    expect(table.remove(prefix('10.0.0.0/8'), 'a')).toBe(false);
    expect(find(table, '10.0.0.1')).toBeUndefined();
    expect(table.size).toBe(0);
  });

  it('falls back to the shorter prefix and keeps the longer ones', () => {
    const table = tableOf({ '10.0.0.0/8': 'a', '10.1.0.0/16': 'b', '10.1.1.0/24': 'c' });
    expect(table.remove(prefix('10.1.0.0/16'), 'b')).toBe(true);
    expect(find(table, '10.1.2.3')).toBe('a');
    expect(find(table, '10.1.1.3')).toBe('c');
    expect(texts(table, 'b')).toEqual([]);
  });

  it('does not take a joining node for a prefix', () => {
    const table = tableOf({ '10.0.0.0/24': 'a', '10.0.1.0/24': 'a' });
    expect(table.remove(prefix('10.0.0.0/23'), 'a')).toBe(false);
    expect(table.insert(prefix('10.0.0.0/23'), 'b')).toBeUndefined();
    expect(table.remove(prefix('10.0.0.0/23'), 'b')).toBe(true);
    expect(find(table, '10.0.1.1')).toBe('a');
  });

  it('of an owner leaves the others in order', () => {
    const table = tableOf({
      '10.0.0.0/8': 'a',
      'fd00::/8': 'b',
      '10.1.0.0/16': 'b',
      'fd00::1/128': 'a',
      '0.0.0.0/0': 'b',
    });
    table.removeByValue('a');
    table.removeByValue('nobody');
    expect(texts(table, 'a')).toEqual([]);
    expect(texts(table, 'b')).toEqual(['fd00::/8', '10.1.0.0/16', '0.0.0.0/0']);
    expect(find(table, 'fd00::1')).toBe('b');
    expect(find(table, '10.2.0.0')).toBe('b');
    expect(table.size).toBe(3);
  });
});

describe('a random history', () => {
  /** Few distinct bits, so that prefixes nest, branch and repeat. */
  const address = fc.oneof(
    fc.array(fc.constantFrom(0, 1, 128, 255), { minLength: 4, maxLength: 4 }),
    fc
      .array(fc.constantFrom(0, 1, 128, 255), { minLength: 3, maxLength: 3 })
      .map((some) => [0xfd, ...some, ...new Array<number>(11).fill(0), some[0] ?? 0]),
  );
  const network = fc
    .tuple(address, fc.nat(128), fc.boolean())
    .map(([bytes, length, isShort]): IpPrefix => {
      const bits = isShort ? 33 : bytes.length * 8 + 1;
      return { address: Uint8Array.from(bytes), length: length % bits };
    });
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('insert'), network, owner: fc.nat(3) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('remove'), network, owner: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('clear'), network, owner: fc.nat(3) }) },
  );

  it('gives what a plain list gives', () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 60 }),
        fc.array(address, { maxLength: 20 }),
        (steps, probes) => {
          const table = new AllowedIps<number>();
          const slow = new SlowTable();
          const targets = [...probes, ...steps.map((s) => Array.from(s.network.address))];
          for (const { do: what, network: wanted, owner } of steps) {
            if (what === 'insert')
              expect(table.insert(wanted, owner)).toBe(slow.insert(wanted, owner));
            else if (what === 'remove')
              expect(table.remove(wanted, owner)).toBe(slow.remove(wanted, owner));
            else {
              table.removeByValue(owner);
              slow.removeByValue(owner);
            }
          }
          expect(table.size).toBe(slow.size);
          for (const owner of [0, 1, 2, 3])
            expect(texts(table, owner)).toEqual(slow.entries(owner));
          for (const target of targets) {
            const bytes = Uint8Array.from(target);
            expect(table.lookup(bytes, 0, bytes.length === 4 ? 4 : 6)).toBe(slow.lookup(bytes));
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('leaves the same trie as inserting what remains', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        const table = new AllowedIps<number>();
        for (const { do: what, network: wanted, owner } of steps) {
          if (what === 'insert') table.insert(wanted, owner);
          else if (what === 'remove') table.remove(wanted, owner);
          else table.removeByValue(owner);
        }
        const fresh = new AllowedIps<number>();
        for (const owner of [0, 1, 2, 3])
          for (const remaining of table.entries(owner)) fresh.insert(remaining, owner);
        for (const { network: probe } of steps)
          expect(readsOf(table, probe.address)).toBe(readsOf(fresh, probe.address));
      }),
      { numRuns: 100 },
    );
  });

  it('leaves no trace when everything is taken out again', () => {
    fc.assert(
      fc.property(fc.array(network, { minLength: 1, maxLength: 40 }), (networks) => {
        const table = new AllowedIps<number>();
        for (const wanted of networks) table.insert(wanted, 1);
        for (const wanted of networks) table.remove(wanted, 1);
        expect(table.size).toBe(0);
        for (const { address: bytes } of networks) expect(readsOf(table, bytes)).toBe(0);
      }),
      { numRuns: 50 },
    );
  });
});

it('holds ten thousand prefixes', () => {
  const table = new AllowedIps<number>();
  for (let i = 0; i < 10_000; i++) table.insert(prefix(`10.${i >> 8}.${i & 255}.0/24`), i);
  expect(table.size).toBe(10_000);
  const packet = Uint8Array.of(10, 0, 0, 77);
  for (let i = 0; i < 10_000; i++) {
    packet[1] = i >> 8;
    packet[2] = i & 255;
    if (table.lookup(packet, 0, 4) !== i) expect.fail(`10.${i >> 8}.${i & 255}.77`);
  }
  for (let i = 0; i < 10_000; i += 2) table.removeByValue(i);
  expect(table.size).toBe(5_000);
  expect(find(table, '10.0.2.1')).toBeUndefined();
  expect(find(table, '10.0.3.1')).toBe(3);
});
