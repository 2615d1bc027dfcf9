import type { AeadProvider } from './aead.js';
import { nobleAead } from './chacha20poly1305.js';
import { nodeAead, nodeX25519 } from './nodecrypto.js';
import { passesAead, passesX25519 } from './selftest.js';
import { nobleX25519, type X25519 } from './x25519.js';

/** The primitives in use, chosen once at load. */
export interface CryptoProviders {
  readonly x25519: X25519;
  readonly aead: AeadProvider;
}

/** Each list is in order of preference. */
export interface CryptoCandidates {
  readonly x25519: readonly X25519[];
  readonly aead: readonly AeadProvider[];
}

/**
 * The first candidate of each list that passes its known-answer test: node:crypto can be missing,
 * or lack an algorithm (under FIPS rules, or over another library than OpenSSL). Throws when none
 * passes, since nothing safe could be done then.
 */
export function chooseProviders(candidates: CryptoCandidates): CryptoProviders {
  const x25519 = candidates.x25519.find(passesX25519);
  if (x25519 === undefined) throw new Error('no implementation of X25519 passes its self-test');
  const aead = candidates.aead.find(passesAead);
  if (aead === undefined) {
    throw new Error('no implementation of ChaCha20-Poly1305 passes its self-test');
  }
  return { x25519, aead };
}

export const providers: CryptoProviders = chooseProviders({
  x25519: [nodeX25519, nobleX25519],
  aead: [nodeAead, nobleAead],
});

/** Which library stands behind each primitive, for `wg-ts version`. */
export interface CryptoNames {
  readonly x25519: string;
  readonly aead: string;
  readonly blake2s: string;
  readonly xchacha20poly1305: string;
}

export function cryptoNames(chosen: CryptoProviders = providers): CryptoNames {
  return {
    x25519: chosen.x25519.name,
    aead: chosen.aead.name,
    blake2s: 'noble',
    xchacha20poly1305: 'noble',
  };
}
