/**
 * Secret bytes: zeroed after use, compared in constant time, and redacted in every way in which
 * JavaScript prints a value.
 */
export class Secret implements Disposable {
  readonly #bytes: Uint8Array;
  #zeroed = false;

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Keeps a copy of `bytes`; the caller's own are not changed. */
  static copyOf(bytes: Uint8Array): Secret {
    return new Secret(Uint8Array.from(bytes));
  }

  /** Takes ownership of `bytes`, which the caller must no longer use. */
  static take(bytes: Uint8Array): Secret {
    return new Secret(bytes);
  }

  /** The length in bytes. */
  get length(): number {
    return this.#bytes.length;
  }

  /** Whether the bytes have been zeroed; `expose` then throws. */
  get isZeroed(): boolean {
    return this.#zeroed;
  }

  /** The bytes themselves, for a computation: do not keep, copy or print them. Throws once zeroed. */
  expose(): Uint8Array {
    if (this.#zeroed) throw new Error('this secret has been zeroed');
    return this.#bytes;
  }

  /** Compares in time that depends on the lengths only. Throws once either secret is zeroed. */
  equals(other: Secret): boolean {
    return constantTimeEquals(this.expose(), other.expose());
  }

  /** Zeroes the bytes. Idempotent. */
  zero(): void {
    this.#bytes.fill(0);
    this.#zeroed = true;
  }

  /** Calls zero(), for `using`. */
  [Symbol.dispose](): void {
    this.zero();
  }

  /** Returns `[redacted]`. */
  toString(): string {
    return '[redacted]';
  }

  /** Returns `[redacted]`. */
  toJSON(): string {
    return '[redacted]';
  }

  /** Returns `[redacted]`. */
  [Symbol.toPrimitive](): string {
    return '[redacted]';
  }

  /** `Secret`. */
  get [Symbol.toStringTag](): string {
    return 'Secret';
  }
}

Object.defineProperty(Secret.prototype, Symbol.for('nodejs.util.inspect.custom'), {
  value: (): string => 'Secret [redacted]',
});

/** Compares in time that depends on the lengths only. */
export function constantTimeEquals(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}

/** Checks in time that depends on the length only. */
export function isAllZero(bytes: Uint8Array): boolean {
  let seen = 0;
  for (const byte of bytes) seen |= byte;
  return seen === 0;
}
