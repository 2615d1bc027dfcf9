/** The native table of allowed IPs, beside the one in TypeScript that says what it must do. */
import fc from 'fast-check';
import { AllowedIps } from '../../protocol/allowedips.js';
import { formatIp, formatPrefix, type IpPrefix, maskPrefix } from '../../protocol/ip.js';
import { loadTestLibrary } from './testlibrary.js';

const TABLE = ['', '_trie', '_owners', '_lookup'].map((part) => `native/lib/allowedips${part}.c`);
export const FILES: readonly string[] = [
  ...TABLE,
  'native/lib/epoch.c',
  'test/native/allowedips_shim.c',
  'test/native/allowedips_race.c',
];
/** Its allocations are counted, and can be refused. */
export const FLAGS: readonly string[] = ['malloc', 'calloc', 'realloc', 'free'].map(
  (name) => `-Wl,--wrap=${name}`,
);

type Pointer = unknown;

export interface Library {
  create(): Pointer;
  free(table: Pointer): void;
  insert(table: Pointer, family: number, at: Uint8Array, length: number, owner: number): boolean;
  remove(table: Pointer, family: number, at: Uint8Array, length: number, owner: number): boolean;
  removeOwner(table: Pointer, owner: number): void;
  lookup4(table: Pointer, address: Uint8Array): number;
  lookup6(table: Pointer, address: Uint8Array): number;
  memory(table: Pointer): number;
  blocks(): number;
  /** How many blocks may still be allocated; negative for any number. */
  allow(allocations: number): void;
  race(seed: number, changes: number): number;
}

export function loadLibrary(): Library {
  const loaded = loadTestLibrary('allowedips', { files: FILES, flags: FLAGS });
  const change = 'void *table, int family, const uint8_t *at, uint32_t length, uintptr_t owner';
  return {
    create: loaded.func('void *shim_new()'),
    free: loaded.func('void allowedips_free(void *table)'),
    insert: loaded.func(`bool allowedips_insert(${change})`),
    remove: loaded.func(`bool allowedips_remove(${change})`),
    removeOwner: loaded.func('void allowedips_remove_owner(void *table, uintptr_t owner)'),
    lookup4: loaded.func('uintptr_t allowedips_lookup4(void *table, const uint8_t *address)'),
    lookup6: loaded.func('uintptr_t allowedips_lookup6(void *table, const uint8_t *address)'),
    memory: loaded.func('size_t allowedips_memory(void *table)'),
    blocks: loaded.func('int shim_blocks()'),
    allow: loaded.func('void shim_allow(int allocations)'),
    race: loaded.func('int allowedips_race(uint32_t seed, uint32_t changes)'),
  };
}

/** The native table, and beside it what it must be like. Owners are numbers from 1 on. */
export class Tables {
  readonly #library: Library;
  readonly #native: Pointer;
  readonly #model: AllowedIps<number> = new AllowedIps<number>();

  constructor(library: Library) {
    this.#library = library;
    this.#native = library.create();
  }

  insert(prefix: IpPrefix, owner: number, allocations = -1): boolean {
    const { address, length } = prefix;
    this.#library.allow(allocations);
    const isDone = this.#library.insert(this.#native, familyOf(address), address, length, owner);
    this.#library.allow(-1);
    if (isDone) this.#model.insert(prefix, owner);
    return isDone;
  }

  remove(prefix: IpPrefix, owner: number, allocations = -1): boolean {
    const { address, length } = prefix;
    this.#library.allow(allocations);
    const isDone = this.#library.remove(this.#native, familyOf(address), address, length, owner);
    this.#library.allow(-1);
    const expected = this.#model.remove(prefix, owner);
    if (isDone !== expected) throw new Error(`${formatPrefix(prefix)}: removed ${isDone}`);
    return isDone;
  }

  removeOwner(owner: number, allocations = -1): void {
    this.#library.allow(allocations);
    this.#library.removeOwner(this.#native, owner);
    this.#library.allow(-1);
    this.#model.removeByValue(owner);
  }

  lookup(address: Uint8Array): number | undefined {
    const find = address.length === 4 ? this.#library.lookup4 : this.#library.lookup6;
    const found = find(this.#native, address) || undefined;
    const expected = this.#model.lookup(address, 0, familyOf(address));
    if (found !== expected) throw new Error(`${formatIp(address)}: ${found}, not ${expected}`);
    return found;
  }

  /** The first and the last address of each, and those before and behind. */
  lookUpAround(prefixes: Iterable<IpPrefix>): void {
    for (const prefix of prefixes) for (const address of around(prefix)) this.lookup(address);
  }

  get memory(): number {
    return this.#library.memory(this.#native);
  }

  free(): void {
    this.#library.free(this.#native);
  }
}

function familyOf(address: Uint8Array): 4 | 6 {
  return address.length === 4 ? 4 : 6;
}

function toNumber(address: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(address).toString('hex')}`);
}

export function toAddress(number: bigint, bytes: number): Uint8Array {
  const hex = BigInt.asUintN(bytes * 8, number).toString(16);
  return Uint8Array.from(Buffer.from(hex.padStart(bytes * 2, '0'), 'hex'));
}

function around(prefix: IpPrefix): Uint8Array[] {
  const bytes = prefix.address.length;
  const first = toNumber(maskPrefix(prefix).address);
  const last = first + (1n << BigInt(bytes * 8 - prefix.length)) - 1n;
  return [first - 1n, first, last, last + 1n].map((number) => toAddress(number, bytes));
}

export function withBit(address: Uint8Array, bit: number): Uint8Array {
  const bytes = address.length;
  return toAddress(toNumber(address) ^ (1n << BigInt(bytes * 8 - 1 - bit)), bytes);
}

/** One path of the trie or near it, so that prefixes nest, meet and share their steps. */
export const prefixes: fc.Arbitrary<IpPrefix> = fc
  .record({
    bytes: fc.constantFrom(4, 16),
    bits: fc.array(fc.nat(127), { maxLength: 2 }),
    tail: fc.constantFrom(0n, 0n, 1n, -1n),
    length: fc.oneof(fc.nat(128), fc.constantFrom(0, 6, 24, 30, 32, 60, 63, 64, 65, 66, 124, 128)),
  })
  .map(({ bytes, bits, tail, length }) => {
    const base = bits.filter((bit) => bit < bytes * 8).reduce(withBit, toAddress(tail, bytes));
    return { address: base, length: length % (bytes * 8 + 1) };
  });

export interface Change {
  readonly kind: 'insert' | 'remove' | 'removeOwner';
  readonly prefix: IpPrefix;
  readonly owner: number;
  readonly allocations: number;
}

export function changes(allocations: fc.Arbitrary<number>): fc.Arbitrary<Change[]> {
  const pool = fc.array(prefixes, { minLength: 1, maxLength: 40 });
  return pool.chain((known) =>
    fc.array(
      fc.record({
        kind: fc.constantFrom('insert', 'insert', 'insert', 'remove', 'remove', 'removeOwner'),
        prefix: fc.constantFrom(...known),
        owner: fc.integer({ min: 1, max: 3 }),
        allocations,
      }),
      { maxLength: 120, size: 'max' },
    ),
  );
}

export function apply(tables: Tables, { kind, prefix, owner, allocations }: Change): void {
  if (kind === 'insert') tables.insert(prefix, owner, allocations);
  else if (kind === 'remove') tables.remove(prefix, owner, allocations);
  else tables.removeOwner(owner, allocations);
}
