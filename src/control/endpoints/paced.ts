import type { Clock } from '../../../system/clock.js';

export interface PacedOptions<T> {
  readonly clock: Pick<Clock, 'schedule'>;
  /** How many items are worked on in one turn of the event loop. */
  readonly batch: number;
  /** Milliseconds between two batches. */
  readonly pause: number;
  readonly work: (items: readonly T[]) => void;
  /** Called after the last item; more may be added then. */
  readonly onEnd?: () => void;
}

/** A set of items, each waiting to be worked on once, in batches with pauses between them. */
export class PacedQueue<T> {
  readonly #options: PacedOptions<T>;
  readonly #items = new Set<T>();
  #timer: { cancel(): void } | undefined;
  #isClosed = false;

  constructor(options: PacedOptions<T>) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#items.size === 0;
  }

  /** The first batch is worked on at once, unless one was recently. */
  add(items: Iterable<T>): void {
    for (const item of items) this.#items.add(item);
    if (!this.#timer) this.#next();
  }

  close(): void {
    this.#isClosed = true;
    this.#items.clear();
    this.#timer?.cancel();
  }

  #next(): void {
    this.#timer = undefined;
    if (this.#isClosed || this.#items.size === 0) return;
    const { clock, batch, pause, work, onEnd } = this.#options;
    const items: T[] = [];
    for (const item of this.#items) {
      if (items.length === batch) break;
      items.push(item);
      this.#items.delete(item);
    }
    this.#timer = clock.schedule(pause, () => this.#next());
    work(items);
    if (this.#items.size === 0) onEnd?.();
  }
}
