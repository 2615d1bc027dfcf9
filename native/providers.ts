import { type CryptoProviders, chooseProviders, portableCandidates } from '../crypto/providers.js';
import { bindOpenssl } from './openssl.js';
import { opensslAead } from './opensslaead.js';
import { opensslX25519 } from './opensslx25519.js';

const NAME = 'OpenSSL in node';

/** Returns OpenSSL called directly, or undefined where the executable does not export it. */
export function loadOpenssl(): CryptoProviders | undefined {
  try {
    const openssl = bindOpenssl();
    return { x25519: opensslX25519(openssl, NAME), aead: opensslAead(openssl, NAME) };
  } catch {
    return undefined;
  }
}

let fastest: CryptoProviders | undefined;

/** Returns the fastest implementations that pass the known-answer tests; chosen at the first call. */
export function fastestProviders(): CryptoProviders {
  fastest ??= preferOpenssl(loadOpenssl());
  return fastest;
}

/** For each primitive, prefers `openssl` if it passes its known-answer test to the portable candidates. */
export function preferOpenssl(openssl: CryptoProviders | undefined): CryptoProviders {
  const { x25519, aead } = portableCandidates;
  return chooseProviders({
    x25519: openssl ? [openssl.x25519, ...x25519] : x25519,
    aead: openssl ? [openssl.aead, ...aead] : aead,
  });
}
