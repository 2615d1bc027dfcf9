/**
 * Bytes that must not be seen: zeroed when done, compared in constant time, and redacted in every
 * way in which JavaScript prints a value.
 */
export class Secret implements Disposable {
  readonly #bytes: Uint8Array;
  #zeroed = false;

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Keeps a copy of `bytes`; the caller's stay as they are. */
  static copyOf(bytes: Uint8Array): Secret {
    return new Secret(Uint8Array.from(bytes));
  }

  /** Takes over `bytes`, which the caller must not use any more. */
  static take(bytes: Uint8Array): Secret {
    return new Secret(bytes);
  }

  /** In bytes. */
  get length(): number {
    return this.#bytes.length;
  }

  /** `expose` throws from then on. */
  get isZeroed(): boolean {
    return this.#zeroed;
  }

  /** The bytes themselves, for a computation: do not keep, copy or print them. Throws once zeroed. */
  expose(): Uint8Array {
    if (this.#zeroed) throw new Error('this secret has been zeroed');
    return this.#bytes;
  }

  /** In time that depends on the lengths only. */
  equals(other: Secret): boolean {
    return constantTimeEquals(this.expose(), other.expose());
  }

  /** Idempotent. */
  zero(): void {
    this.#bytes.fill(0);
    this.#zeroed = true;
  }

  /** For `using`: zero(). */
  [Symbol.dispose](): void {
    this.zero();
  }

  /** Never the bytes. */
  toString(): string {
    return '[redacted]';
  }

  /** Never the bytes. */
  toJSON(): string {
    return '[redacted]';
  }

  /** Never the bytes. */
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

/** In time that depends on the lengths only. */
export function constantTimeEquals(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}

/** In time that depends on the length only. */
export function isAllZero(bytes: Uint8Array): boolean {
  let seen = 0;
  for (const byte of bytes) seen |= byte;
  return seen === 0;
}
