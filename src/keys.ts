import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { KEY_LENGTH } from '../crypto/aead.js';
import { nodeX25519 } from '../crypto/nodecrypto.js';
import { Secret } from '../crypto/secret.js';
import { passesX25519 } from '../crypto/selftest.js';
import { clamp, createNobleX25519, type X25519 } from '../crypto/x25519.js';

/** Returns a new private key, clamped as wg(8) does. */
export function generatePrivateKey(): Secret {
  return Secret.take(clamp(randomKey()));
}

/** Returns a new preshared key, 32 random bytes. */
export function generatePresharedKey(): Secret {
  return Secret.take(randomKey());
}

/** Returns 32 bytes. */
export function publicKeyOf(privateKey: Secret): Uint8Array {
  x25519 ??= passesX25519(nodeX25519) ? nodeX25519 : requireNoble();
  return x25519.publicKey(privateKey.expose());
}

let x25519: X25519 | undefined;

/** Loaded only where node:crypto has no X25519, as in FIPS mode, because loading it takes time. */
function requireNoble(): X25519 {
  const noble = createRequire(import.meta.url)('@noble/curves/ed25519.js');
  return createNobleX25519((noble as typeof import('@noble/curves/ed25519.js')).x25519);
}

/** randomBytes gives small buffers their own memory, outside Node's shared pool. */
function randomKey(): Uint8Array {
  return randomBytes(KEY_LENGTH);
}
