import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import type { AeadKey, AeadProvider } from '../../crypto/aead.js';
import { nobleAead } from '../../crypto/chacha20poly1305.js';
import { nobleX25519 } from '../../crypto/noblex25519.js';
import { nodeAead, nodeX25519 } from '../../crypto/nodecrypto.js';
import type { X25519 } from '../../crypto/x25519.js';
import { loadOpenssl } from '../../native/providers.js';

/** Absent under a node whose executable does not export OpenSSL. */
const openssl = loadOpenssl();

export const x25519Providers: readonly X25519[] = [
  nobleX25519,
  nodeX25519,
  ...(openssl ? [openssl.x25519] : []),
];
export const aeadProviders: readonly AeadProvider[] = [
  nobleAead,
  nodeAead,
  ...(openssl ? [openssl.aead] : []),
];

export const hex: (bytes: Uint8Array) => string = bytesToHex;
export const bytes: (hex: string) => Uint8Array = hexToBytes;

/** `length` bytes that differ from one another and between seeds. */
export function pattern(length: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (seed + 7 * i) & 255);
}

export function flipBit(original: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(original);
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
  return copy;
}

export function seal(
  key: AeadKey,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  additionalData?: Uint8Array,
): Uint8Array {
  const out = new Uint8Array(plaintext.length + 16);
  key.seal(nonce, plaintext, out, additionalData);
  return out;
}

export function open(
  key: AeadKey,
  nonce: Uint8Array,
  sealed: Uint8Array,
  additionalData?: Uint8Array,
): Uint8Array | undefined {
  const out = new Uint8Array(Math.max(0, sealed.length - 16));
  return key.open(nonce, sealed, out, additionalData) ? out : undefined;
}
