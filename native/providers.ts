import { type CryptoProviders, chooseProviders, portableCandidates } from '../crypto/providers.js';
import { bindOpenssl } from './openssl.js';
import { opensslAead } from './opensslaead.js';
import { opensslX25519 } from './opensslx25519.js';

const NAME = 'OpenSSL in node';

/** OpenSSL called directly, or undefined where the executable does not export it. */
export function loadOpenssl(): CryptoProviders | undefined {
  try {
    const openssl = bindOpenssl();
    return { x25519: opensslX25519(openssl, NAME), aead: opensslAead(openssl, NAME) };
  } catch {
    return undefined;
  }
}

let fastest: CryptoProviders | undefined;

/** The fastest primitives that are there and pass the known-answer tests; chosen at the first call. */
export function fastestProviders(): CryptoProviders {
  fastest ??= preferOpenssl(loadOpenssl());
  return fastest;
}

/** Each primitive of `openssl` that passes its known-answer test, else the first portable one that does. */
export function preferOpenssl(openssl: CryptoProviders | undefined): CryptoProviders {
  const { x25519, aead } = portableCandidates;
  return chooseProviders({
    x25519: openssl ? [openssl.x25519, ...x25519] : x25519,
    aead: openssl ? [openssl.aead, ...aead] : aead,
  });
}
