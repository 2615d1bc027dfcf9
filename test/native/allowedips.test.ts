import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type IpPrefix, parseIp, parsePrefix } from '../../protocol/ip.js';
import {
  apply,
  changes,
  FILES,
  FLAGS,
  type Library,
  loadLibrary,
  prefixes,
  Tables,
  toAddress,
  withBit,
} from './allowedips-tables.js';
import { runTestProgram, type TestLibraryOptions, whyNoTestLibrary } from './testlibrary.js';

/** Before a program, if this system can: it then has its memory at the same addresses each time. */
const FIXED_ADDRESSES = spawnSync('setarch', ['-R', 'true']).status === 0 ? ['setarch', '-R'] : [];

function prefixOf(text: string): IpPrefix {
  const prefix = parsePrefix(text);
  if (!prefix) throw new Error(`no prefix: ${text}`);
  return prefix;
}

function addressOf(text: string): Uint8Array {
  const address = parseIp(text);
  if (!address) throw new Error(`no address: ${text}`);
  return address;
}

describe.skipIf(whyNoTestLibrary)(`the native table${suffix()}`, () => {
  let library: Library;
  let table: Tables;
  let emptyMemory: number;

  beforeAll(() => {
    library = loadLibrary();
  });

  beforeEach(() => {
    table = new Tables(library);
    emptyMemory = table.memory;
  });

  afterEach(() => {
    table.free();
    expect(library.blocks()).toBe(0);
  });

  it('finds the longest prefix', () => {
    const texts = [
      ...['0.0.0.0/0', '10.0.0.0/8', '10.1.0.0/16', '10.1.2.128/25', '10.1.2.200/32'],
      ...['::/0', '2001:db8::/32', '2001:db8::/64', '2001:db8::1/128'],
    ];
    texts.forEach((text, i) => {
      table.insert(prefixOf(text), i + 1);
    });
    expect(table.lookup(addressOf('192.0.2.1'))).toBe(1);
    expect(table.lookup(addressOf('10.1.2.127'))).toBe(3);
    expect(table.lookup(addressOf('10.1.2.200'))).toBe(5);
    expect(table.lookup(addressOf('2001:db8::2'))).toBe(8);
    expect(table.lookup(addressOf('2001:db8::1'))).toBe(9);
    table.lookUpAround(texts.map(prefixOf));
  });

  it('has nothing at first, and keeps the families apart', () => {
    expect(table.lookup(addressOf('0.0.0.0'))).toBeUndefined();
    table.insert(prefixOf('0.0.0.0/0'), 1);
    expect(table.lookup(addressOf('255.255.255.255'))).toBe(1);
    expect(table.lookup(addressOf('::'))).toBeUndefined();
    table.insert(prefixOf('::/0'), 2);
    expect(table.lookup(addressOf('::'))).toBe(2);
    expect(table.remove(prefixOf('0.0.0.0/0'), 1)).toBe(true);
    expect(table.lookup(addressOf('0.0.0.0'))).toBeUndefined();
  });

  it('refuses what is not a prefix', () => {
    const { create, insert, remove, free } = library;
    const bare = create();
    const address = new Uint8Array(16);
    for (const [family, length] of [[4, 33] as const, [6, 129] as const, [5, 0] as const]) {
      expect(insert(bare, family, address, length, 1)).toBe(false);
      expect(remove(bare, family, address, length, 1)).toBe(false);
    }
    free(bare);
  });

  it('ignores host bits', () => {
    table.insert(prefixOf('10.1.2.3/8'), 1);
    table.insert(prefixOf('2001:db8::ffff/32'), 2);
    expect(table.lookup(addressOf('10.0.0.0'))).toBe(1);
    expect(table.lookup(addressOf('2001:db8::'))).toBe(2);
    expect(table.remove(prefixOf('10.9.9.9/8'), 1)).toBe(true);
    expect(table.lookup(addressOf('10.1.2.3'))).toBeUndefined();
  });

  it('moves a prefix to its new owner, and leaves no trace with the previous one', () => {
    const prefix = prefixOf('10.0.0.0/24');
    const inside = addressOf('10.0.0.1');
    table.insert(prefix, 1);
    table.insert(prefixOf('10.0.1.0/24'), 1);
    table.insert(prefix, 2);
    expect(table.lookup(inside)).toBe(2);
    expect(table.remove(prefix, 1)).toBe(false);
    table.removeOwner(1);
    expect(table.lookup(inside)).toBe(2);
    expect(table.lookup(addressOf('10.0.1.1'))).toBeUndefined();
    table.removeOwner(1);
    table.removeOwner(2);
    expect(table.lookup(inside)).toBeUndefined();
  });

  it.each([4, 16])('finds each length of a chain of nested prefixes of %i bytes', (bytes) => {
    const address = toAddress(0xa5a5_0f0f_1234_5678_9abc_def0_a5a5_5a5an, bytes);
    const chain = Array.from({ length: bytes * 8 + 1 }, (_, length) => ({ address, length }));
    for (const prefix of chain) table.insert(prefix, prefix.length + 1);
    for (const { length } of chain.slice(0, -1))
      expect(table.lookup(withBit(address, length))).toBe(length + 1);
    expect(table.lookup(address)).toBe(bytes * 8 + 1);
    expect(table.memory).toBeLessThan(200 * chain.length);
    for (const prefix of chain.toReversed()) {
      table.remove(prefix, prefix.length + 1);
      table.lookUpAround(chain.slice(0, prefix.length));
    }
  });

  it.each([4, 16])('tells hosts of %i bytes apart by any one bit', (bytes) => {
    const address = toAddress(0xa5a5_0f0f_1234_5678_9abc_def0_a5a5_5a5an, bytes);
    const hosts = Array.from({ length: bytes * 8 }, (_, bit) => withBit(address, bit));
    hosts.forEach((host, bit) => {
      table.insert({ address: host, length: bytes * 8 }, bit + 1);
    });
    hosts.forEach((host, bit) => {
      expect(table.lookup(host)).toBe(bit + 1);
    });
    expect(table.lookup(address)).toBeUndefined();
    table.lookUpAround(hosts.map((host) => ({ address: host, length: bytes * 8 })));
  });

  it('does what the table in TypeScript does', () => {
    fc.assert(
      fc.property(changes(fc.constant(-1)), (all) => {
        const blocks = library.blocks();
        const mine = new Tables(library);
        for (const [i, change] of all.entries()) {
          apply(mine, change);
          if (i % 8 === 0) mine.lookUpAround(all.slice(0, 20).map(({ prefix }) => prefix));
        }
        mine.lookUpAround(all.map(({ prefix }) => prefix));
        for (const owner of [1, 2, 3]) mine.removeOwner(owner);
        mine.lookUpAround(all.map(({ prefix }) => prefix));
        // Only the smallest list of owners is left.
        expect(mine.memory).toBeLessThanOrEqual(emptyMemory + 128);
        mine.free();
        expect(library.blocks()).toBe(blocks);
      }),
      { numRuns: 300 },
    );
  });

  it('changes nothing when memory runs out in an insertion, and removes even without any', () => {
    let failures = 0;
    const allocations = fc.oneof(fc.constant(-1), fc.nat(4));
    fc.assert(
      fc.property(changes(allocations), (all) => {
        const blocks = library.blocks();
        const mine = new Tables(library);
        for (const change of all) {
          const before = library.blocks();
          if (change.kind !== 'insert') apply(mine, change);
          else if (!mine.insert(change.prefix, change.owner, change.allocations)) {
            failures++;
            // A list of prefixes or owners may have become longer, not more.
            expect(library.blocks() - before).toBeLessThanOrEqual(1);
          }
        }
        mine.lookUpAround(all.map(({ prefix }) => prefix));
        mine.free();
        expect(library.blocks()).toBe(blocks);
      }),
      { numRuns: 300 },
    );
    expect(failures).toBeGreaterThan(100);
  });

  it('reuses the place of prefixes that were removed without memory', () => {
    const all = ['10.0.0.0/8', '10.0.0.0/9', '10.0.0.0/24', '10.0.0.1/32', '10.128.0.0/9'];
    for (const text of all) table.insert(prefixOf(text), 1);
    const before = table.memory;
    table.removeOwner(1, 0);
    table.lookUpAround(all.map(prefixOf));
    for (const text of all) table.insert(prefixOf(text), 2);
    table.lookUpAround(all.map(prefixOf));
    expect(table.memory).toBeLessThanOrEqual(before);
  });

  it('forgets such prefixes when memory is available again', () => {
    const kept = ['10.0.0.0/24', '10.0.1.0/24'];
    const lost = ['10.0.2.0/24', '10.0.3.0/24', '10.0.4.0/24'];
    for (const text of [...kept, ...lost]) table.insert(prefixOf(text), text.length);
    const [last = '', ...others] = lost;
    for (const text of others) table.remove(prefixOf(text), text.length, 0);
    const before = table.memory;
    table.remove(prefixOf(last), last.length);
    expect(before - table.memory).toBeGreaterThanOrEqual(3 * 48);
    table.lookUpAround([...kept, ...lost].map(prefixOf));
  });

  it('is small for few prefixes and bounded for many', () => {
    for (let i = 0; i < 10; i++) table.insert(prefixOf(`10.0.${i * 7}.0/${20 + i}`), i + 1);
    expect(table.memory).toBeLessThan(2048);
    const many = fc.sample(prefixes, { numRuns: 5000, seed: 1 });
    many.forEach((prefix, i) => {
      table.insert(prefix, (i % 500) + 1);
    });
    expect(table.memory).toBeLessThan(200 * many.length);
    table.lookUpAround(many);
    for (let owner = 1; owner <= 500; owner++) table.removeOwner(owner);
    expect(table.memory).toBeLessThanOrEqual(emptyMemory + 128);
  });

  it('gives memory back when an owner loses most of its prefixes', () => {
    const hosts = Array.from({ length: 200 }, (_, i) => prefixOf(`10.0.0.${i}/32`));
    for (const host of hosts.slice(0, 10)) table.insert(host, 1);
    const before = table.memory;
    for (const host of hosts) table.insert(host, 1);
    for (const host of hosts.slice(10)) table.remove(host, 1);
    expect(table.memory).toBeLessThan(before + 1024);
    table.lookUpAround(hosts);
  });

  it('returns one of the owners of the address while another thread changes it', () => {
    for (let seed = 1; seed <= 5; seed++) expect(library.race(seed, 20_000)).toBe(0);
  });

  it.for<[string, string, readonly string[]]>([
    ['memory and undefined behaviour', '-fsanitize=address,undefined', []],
    // Its shadow memory has no room among the most random of addresses.
    ['threads', '-fsanitize=thread', FIXED_ADDRESSES],
  ])('gives the sanitizer of %s nothing to report', ([_, flag, argv], { skip }) => {
    const missing = run(argv, { files: ['test/native/nothing.c'], flags: [flag] });
    if (missing) skip(missing);
    const files = [...FILES, 'test/native/allowedips_program.c'];
    const flags = [...FLAGS, flag, '-fno-sanitize-recover=all', '-O1'];
    expect(run(argv, { files, flags })).toBe('');
  });
});

/** What the compiler and then the program complain of. */
function run(argv: readonly string[], options: TestLibraryOptions): string {
  try {
    const { status, stderr } = runTestProgram('allowedips', { ...options, argv });
    return status === 0 ? stderr : `${stderr}it ended with ${status}`;
  } catch (error) {
    return String(error);
  }
}

function suffix(): string {
  return whyNoTestLibrary ? ` (${whyNoTestLibrary})` : '';
}
