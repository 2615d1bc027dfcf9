import type { AeadProvider } from './aead.js';
import { nobleAead } from './chacha20poly1305.js';
import { nobleX25519, type X25519 } from './x25519.js';

/** The primitives in use, chosen once at load. */
export interface CryptoProviders {
  readonly x25519: X25519;
  readonly aead: AeadProvider;
}

export const providers: CryptoProviders = { x25519: nobleX25519, aead: nobleAead };
