import { randomBytes } from 'node:crypto';
import { KEY_LENGTH } from '../crypto/aead.js';
import { providers } from '../crypto/providers.js';
import { Secret } from '../crypto/secret.js';
import { clamp } from '../crypto/x25519.js';

/** A new private key, clamped as wg(8) does. */
export function generatePrivateKey(): Secret {
  return Secret.take(clamp(randomKey()));
}

export function generatePresharedKey(): Secret {
  return Secret.take(randomKey());
}

/** 32 bytes. */
export function publicKeyOf(privateKey: Secret): Uint8Array {
  return providers.x25519.publicKey(privateKey.expose());
}

/** Small buffers of randomBytes lie in memory of their own, not in Node's shared pool. */
function randomKey(): Uint8Array {
  return randomBytes(KEY_LENGTH);
}
