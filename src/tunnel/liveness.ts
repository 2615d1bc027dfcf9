/** Whether a tunnel keeps the process alive, as a socket of `node:net` does until `unref`. */

/** The longest delay of a Node timer. */
const LONGEST = 2 ** 31 - 1;

/**
 * One handle that keeps the event loop alive, for a whole tunnel: its sockets, watches and timers are
 * all unreferenced from the start. So none of them has to be switched, and none that is opened later
 * can be forgotten. What the loop waits for is the same either way.
 */
export class Liveness {
  readonly #handle: NodeJS.Timeout = setInterval(() => undefined, LONGEST);
  #isRef = true;
  #held = 0;

  /** Keeps the process alive while the tunnel is up, which is the initial state. Idempotent. */
  ref(): void {
    this.#isRef = true;
    this.#settle();
  }

  /** Lets the process end although the tunnel is up. Idempotent. */
  unref(): void {
    this.#isRef = false;
    this.#settle();
  }

  /** Keeps the process alive until `work` settles, so that it is not interrupted half-way. */
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

  /** Ends it for good. Idempotent. */
  close(): void {
    clearInterval(this.#handle);
  }

  #settle(): void {
    if (this.#isRef || this.#held > 0) this.#handle.ref();
    else this.#handle.unref();
  }
}
