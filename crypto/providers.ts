import type { AeadProvider } from './aead.js';
import { nobleAead } from './chacha20poly1305.js';
import { nobleX25519 } from './noblex25519.js';
import { nodeAead, nodeX25519 } from './nodecrypto.js';
import { passesAead, passesX25519 } from './selftest.js';
import type { X25519 } from './x25519.js';

/** The implementations in use. */
export interface CryptoProviders {
  /** For handshakes. */
  readonly x25519: X25519;
  /** For handshakes and packets. */
  readonly aead: AeadProvider;
}

/** Each list is in order of preference. */
export interface CryptoCandidates {
  readonly x25519: readonly X25519[];
  readonly aead: readonly AeadProvider[];
}

/**
 * Returns the first candidate of each list that passes its known-answer test: node:crypto can be
 * missing, or lack an algorithm (under FIPS rules, or with a library other than OpenSSL). Throws when
 * none passes, since nothing safe could be done then.
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

/** The portable JavaScript implementations, preceded by the faster ones of node:crypto. */
export const portableCandidates: CryptoCandidates = {
  x25519: [nodeX25519, nobleX25519],
  aead: [nodeAead, nobleAead],
};

let chosenByDefault: CryptoProviders | undefined;

/**
 * Returns the first of `portableCandidates` that pass their tests. They are chosen at the first call and not
 * at load, since the tests take longer than loading all of crypto/. Throws when none passes.
 */
export function defaultProviders(): CryptoProviders {
  chosenByDefault ??= chooseProviders(portableCandidates);
  return chosenByDefault;
}

/** The library behind each primitive, for `wg-ts version`. */
export interface CryptoNames {
  /** For handshakes. */
  readonly x25519: string;
  /** ChaCha20-Poly1305, for handshakes and packets. */
  readonly aead: string;
  /** For handshakes. */
  readonly blake2s: string;
  /** For cookies. */
  readonly xchacha20poly1305: string;
}

export function cryptoNames(chosen: CryptoProviders = defaultProviders()): CryptoNames {
  return {
    x25519: chosen.x25519.name,
    aead: chosen.aead.name,
    blake2s: 'noble',
    xchacha20poly1305: 'noble',
  };
}
