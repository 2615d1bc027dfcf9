import type { Millis } from './dataplane.js';

interface Entry<T> {
  readonly at: Millis;
  readonly item: T;
}

/**
 * A binary heap of "look at this item at that time". A deadline that moves later leaves its entry
 * unchanged: the early look costs little and schedules the next one. So timers that every packet moves
 * cost nothing here, however many items there are.
 */
export class Deadlines<T> {
  readonly #heap: Entry<T>[] = [];
  readonly #earliest = new Map<T, Millis>();

  /** The earliest deadline, or undefined when there is none. */
  get next(): Millis | undefined {
    return this.#heap[0]?.at;
  }

  /** Makes `takeDue` return the item at `at` or before; Infinity is never. */
  schedule(item: T, at: Millis): void {
    if (at === Number.POSITIVE_INFINITY) return;
    const scheduled = this.#earliest.get(item);
    if (scheduled !== undefined && scheduled <= at) return;
    this.#earliest.set(item, at);
    this.#push({ at, item });
  }

  /** Removes and returns the next item that is due, or undefined. */
  takeDue(now: Millis): T | undefined {
    for (;;) {
      const top = this.#heap[0];
      if (!top || top.at > now) return undefined;
      this.#pop();
      if (this.#earliest.get(top.item) !== top.at) continue;
      this.#earliest.delete(top.item);
      return top.item;
    }
  }

  forget(item: T): void {
    this.#earliest.delete(item);
  }

  #push(entry: Entry<T>): void {
    const heap = this.#heap;
    let i = heap.push(entry) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent] as Entry<T>;
      if (above.at <= entry.at) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right && right.at < (heap[child] as Entry<T>).at) child++;
      const below = heap[child] as Entry<T>;
      if (below.at >= last.at) break;
      heap[i] = below;
      i = child;
    }
    heap[i] = last;
  }
}
