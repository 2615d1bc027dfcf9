/** Whether a tunnel keeps the process alive, as a socket of `node:net` does until `unref`. */

/** The longest that a timer of Node's can be. */
const LONGEST = 2 ** 31 - 1;

/**
 * One handle that keeps the event loop alive, for a whole tunnel: its sockets, watches and timers are all
 * unreferenced from the start. So there is nothing to switch in them, and none that is opened later can
 * be forgotten. What the loop waits for is the same either way.
 */
export class Liveness {
  readonly #handle: NodeJS.Timeout = setInterval(() => undefined, LONGEST);
  #isRef = true;
  #held = 0;

  /** As a tunnel is at first: the process goes on for as long as it does. Idempotent. */
  ref(): void {
    this.#isRef = true;
    this.#settle();
  }

  /** The process may end although the tunnel is up. Idempotent. */
  unref(): void {
    this.#isRef = false;
    this.#settle();
  }

  /** Until `work` is settled the process goes on in any case, so that nothing is left half done. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#held++;
    this.#settle();
    try {
      return await work();
    } finally {
      this.#held--;
      this.#settle();
    }
  }

  /** Idempotent; for good. */
  close(): void {
    clearInterval(this.#handle);
  }

  #settle(): void {
    if (this.#isRef || this.#held > 0) this.#handle.ref();
    else this.#handle.unref();
  }
}
