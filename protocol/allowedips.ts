import { type IpPrefix, maskPrefix } from './ip.js';

/** A prefix and its owner. */
interface Entry<T> {
  readonly prefix: IpPrefix;
  readonly value: T;
}

/**
 * All addresses under a node share its `length` leading bits. A node without an entry only joins its
 * two children; paths without a branch are compressed away.
 */
interface Node<T> {
  readonly address: Uint8Array;
  readonly length: number;
  entry: Entry<T> | undefined;
  zero: Node<T> | undefined;
  one: Node<T> | undefined;
}

interface Trie<T> {
  root: Node<T> | undefined;
}

/**
 * Cryptokey routing (section 2): which peer a destination belongs to, and which source addresses a
 * peer may use. The longest prefix decides, and a prefix has one owner at a time.
 */
export class AllowedIps<T> {
  readonly #v4: Trie<T> = { root: undefined };
  readonly #v6: Trie<T> = { root: undefined };
  readonly #entries: Map<T, Set<Entry<T>>> = new Map();
  #size = 0;

  /** The number of prefixes, of both families together. */
  get size(): number {
    return this.#size;
  }

  /**
   * Gives `prefix`, masked, to `value`. Returns the previous owner if that was a different one. Throws
   * RangeError when the prefix is neither an IPv4 nor an IPv6 prefix.
   */
  insert(prefix: IpPrefix, value: T): T | undefined {
    const node = nodeFor(this.#trieOf(prefix), maskPrefix(prefix));
    const previous = node.entry;
    if (previous && previous.value === value) return undefined;
    if (previous) this.#disown(previous);
    node.entry = { prefix: { address: node.address, length: node.length }, value };
    this.#own(node.entry);
    return previous?.value;
  }

  /** Takes `prefix` away from `value`. Returns false when `value` does not own exactly this prefix. */
  remove(prefix: IpPrefix, value: T): boolean {
    const entry = findPath(this.#trieOf(prefix), maskPrefix(prefix))?.at(-1)?.entry;
    if (!entry || entry.value !== value) return false;
    this.#remove(entry);
    return true;
  }

  removeByValue(value: T): void {
    for (const entry of this.#entries.get(value) ?? []) this.#remove(entry);
  }

  /**
   * Returns the owner of the address in network order at `packet[offset]`, 4 bytes for family 4 and 16
   * for family 6, or undefined when there is none or `packet` is too short.
   */
  lookup(packet: Uint8Array, offset: number, family: 4 | 6): T | undefined {
    const bits = family === 4 ? 32 : 128;
    if (offset + bits / 8 > packet.length) return undefined;
    let node = (family === 4 ? this.#v4 : this.#v6).root;
    let best: Entry<T> | undefined;
    let known = 0;
    while (node) {
      const { length, entry } = node;
      // A joining node needs no comparison: the entries below repeat its bits.
      if (entry) {
        if (commonBits(node.address, packet, offset, known, length) !== length) break;
        best = entry;
        if (length === bits) break;
        known = length;
      }
      node = bitAt(packet, offset, length) === 0 ? node.zero : node.one;
    }
    return best?.value;
  }

  /** Returns the prefixes of `value`, masked, in the order in which it got them. */
  entries(value: T): IpPrefix[] {
    return Array.from(this.#entries.get(value) ?? [], (entry) => ({
      address: Uint8Array.from(entry.prefix.address),
      length: entry.prefix.length,
    }));
  }

  #trieOf(prefix: IpPrefix): Trie<T> {
    const bytes = prefix.address.length;
    const isPrefix =
      (bytes === 4 || bytes === 16) &&
      Number.isInteger(prefix.length) &&
      prefix.length >= 0 &&
      prefix.length <= bytes * 8;
    if (!isPrefix) throw new RangeError(`no prefix: ${prefix.length} bits of ${bytes} bytes`);
    return bytes === 4 ? this.#v4 : this.#v6;
  }

  #own(entry: Entry<T>): void {
    const owned = this.#entries.get(entry.value);
    if (owned) owned.add(entry);
    else this.#entries.set(entry.value, new Set([entry]));
    this.#size++;
  }

  #disown(entry: Entry<T>): void {
    const owned = this.#entries.get(entry.value);
    owned?.delete(entry);
    if (owned?.size === 0) this.#entries.delete(entry.value);
    this.#size--;
  }

  #remove(entry: Entry<T>): void {
    this.#disown(entry);
    const trie = this.#trieOf(entry.prefix);
    const path = findPath(trie, entry.prefix);
    const node = path?.at(-1);
    if (!path || !node) return;
    node.entry = undefined;
    prune(trie, path);
  }
}

/** Returns the node of `prefix`, which is created and linked if there is none yet. */
function nodeFor<T>(trie: Trie<T>, prefix: IpPrefix): Node<T> {
  let parent: Node<T> | undefined;
  let node = trie.root;
  let common = 0;
  while (node) {
    const limit = Math.min(node.length, prefix.length);
    common = commonBits(node.address, prefix.address, 0, common, limit);
    if (common < node.length) break;
    if (node.length === prefix.length) return node;
    parent = node;
    node = childTowards(node, prefix.address);
  }
  const made = makeNode<T>(prefix);
  if (!node) {
    link(trie, parent, made);
  } else if (common === prefix.length) {
    link(trie, made, node);
    link(trie, parent, made);
  } else {
    const joint = makeNode<T>(maskPrefix({ address: prefix.address, length: common }));
    link(trie, joint, node);
    link(trie, joint, made);
    link(trie, parent, joint);
  }
  return made;
}

/** Returns the nodes from the root to the one of `prefix`, or undefined when it has none. */
function findPath<T>(trie: Trie<T>, prefix: IpPrefix): Node<T>[] | undefined {
  const path: Node<T>[] = [];
  let node = trie.root;
  while (node && node.length <= prefix.length) {
    if (commonBits(node.address, prefix.address, 0, 0, node.length) < node.length) return undefined;
    path.push(node);
    if (node.length === prefix.length) return path;
    node = childTowards(node, prefix.address);
  }
  return undefined;
}

/** Removes the last node of `path`, and then its ancestors, as long as they are no longer needed. */
function prune<T>(trie: Trie<T>, path: Node<T>[]): void {
  for (let node = path.pop(); node && !node.entry && !(node.zero && node.one); node = path.pop()) {
    const parent = path.at(-1);
    const child = node.zero ?? node.one;
    if (child) link(trie, parent, child);
    else if (!parent) trie.root = undefined;
    else if (parent.zero === node) parent.zero = undefined;
    else parent.one = undefined;
  }
}

function makeNode<T>({ address, length }: IpPrefix): Node<T> {
  return { address, length, entry: undefined, zero: undefined, one: undefined };
}

function link<T>(trie: Trie<T>, parent: Node<T> | undefined, child: Node<T>): void {
  if (!parent) trie.root = child;
  else if (bitAt(child.address, 0, parent.length) === 0) parent.zero = child;
  else parent.one = child;
}

function childTowards<T>(node: Node<T>, address: Uint8Array): Node<T> | undefined {
  return bitAt(address, 0, node.length) === 0 ? node.zero : node.one;
}

function bitAt(bytes: Uint8Array, offset: number, bit: number): number {
  return ((bytes[offset + (bit >>> 3)] as number) >>> (7 - (bit & 7))) & 1;
}

/**
 * Returns how many leading bits `address` and the address at `bytes[offset]` share, at most `limit`. The
 * first `known` bits are already known to be the same.
 */
function commonBits(
  address: Uint8Array,
  bytes: Uint8Array,
  offset: number,
  known: number,
  limit: number,
): number {
  for (let i = known >>> 3; i * 8 < limit; i++) {
    const difference = (address[i] as number) ^ (bytes[offset + i] as number);
    if (difference !== 0) return Math.min(limit, i * 8 + Math.clz32(difference) - 24);
  }
  return limit;
}
