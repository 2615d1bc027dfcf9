import { blake2s } from '@noble/hashes/blake2.js';
import { hmac } from '@noble/hashes/hmac.js';

/**
 * Returns BLAKE2s (RFC 7693) of the concatenated parts, keyed when `key` (up to 32 bytes) is given.
 * The output has `length` bytes, 1 to 32.
 */
export function blake2sOf(
  length: number,
  key: Uint8Array | undefined,
  parts: readonly Uint8Array[],
): Uint8Array {
  const h = blake2s.create(key === undefined ? { dkLen: length } : { dkLen: length, key });
  for (const part of parts) h.update(part);
  return h.digest();
}

/** HASH() of section 5.4: unkeyed BLAKE2s of the concatenated parts; 32 bytes. */
export function hash(...parts: readonly Uint8Array[]): Uint8Array {
  return blake2sOf(32, undefined, parts);
}

/** MAC() of section 5.4: keyed BLAKE2s with 16 bytes of output; `key` has up to 32 bytes. */
export function mac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  return blake2sOf(16, key, parts);
}

/** HMAC (RFC 2104) with BLAKE2s, whose block has 64 bytes; 32 bytes of output. */
export function hmacBlake2s(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const h = hmac.create(blake2s, key);
  for (const part of parts) h.update(part);
  return h.digest();
}

/** KDF1 of section 5.4: one output of 32 bytes. */
export function kdf1(key: Uint8Array, input: Uint8Array): Uint8Array {
  const prk = hmacBlake2s(key, input);
  const t1 = hmacBlake2s(prk, Uint8Array.of(1));
  prk.fill(0);
  return t1;
}

/** KDF2 of section 5.4: two outputs of 32 bytes. */
export function kdf2(key: Uint8Array, input: Uint8Array): [Uint8Array, Uint8Array] {
  const prk = hmacBlake2s(key, input);
  const t1 = hmacBlake2s(prk, Uint8Array.of(1));
  const t2 = hmacBlake2s(prk, t1, Uint8Array.of(2));
  prk.fill(0);
  return [t1, t2];
}

/** KDF3 of section 5.4: three outputs of 32 bytes. */
export function kdf3(key: Uint8Array, input: Uint8Array): [Uint8Array, Uint8Array, Uint8Array] {
  const prk = hmacBlake2s(key, input);
  const t1 = hmacBlake2s(prk, Uint8Array.of(1));
  const t2 = hmacBlake2s(prk, t1, Uint8Array.of(2));
  const t3 = hmacBlake2s(prk, t2, Uint8Array.of(3));
  prk.fill(0);
  return [t1, t2, t3];
}
