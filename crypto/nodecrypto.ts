import type { KeyObject } from 'node:crypto';
import { type AeadCipher, type AeadProvider, keyFrom, TAG_LENGTH } from './aead.js';
import { isAllZero } from './secret.js';
import { checkLengths, type X25519 } from './x25519.js';

/** The part of node:crypto that is used here, so that a test can replace it. */
export interface NodeCrypto {
  createCipheriv(
    cipher: 'chacha20-poly1305',
    key: Uint8Array,
    nonce: Uint8Array,
    options: { authTagLength: number },
  ): NodeCipher & { getAuthTag(): Uint8Array };
  createDecipheriv(
    cipher: 'chacha20-poly1305',
    key: Uint8Array,
    nonce: Uint8Array,
    options: { authTagLength: number },
  ): NodeCipher & { setAuthTag(tag: Uint8Array): unknown };
  createPrivateKey(input: { key: Uint8Array; format: 'der'; type: 'pkcs8' }): KeyObject;
  createPublicKey(input: KeyObject | { key: Uint8Array; format: 'der'; type: 'spki' }): KeyObject;
  diffieHellman(keys: { privateKey: KeyObject; publicKey: KeyObject }): Uint8Array;
}

interface NodeCipher {
  setAAD(data: Uint8Array): unknown;
  update(data: Uint8Array): Uint8Array;
  final(): Uint8Array;
}

/**
 * Throws in a runtime without node:crypto. A static import would end the whole program there, and
 * a dynamic one with top-level await would keep require() from loading this package.
 */
export function loadNodeCrypto(): NodeCrypto {
  const crypto: unknown = globalThis.process?.getBuiltinModule?.('node:crypto');
  if (crypto === undefined) throw new Error('this runtime has no node:crypto');
  return crypto as NodeCrypto;
}

const NAME = 'node:crypto';
const CIPHER = 'chacha20-poly1305';
const CIPHER_OPTIONS = { authTagLength: TAG_LENGTH };

/**
 * ChaCha20-Poly1305 by OpenSSL, which returns buffers of its own and needs a new cipher object for
 * each message. A KeyObject in place of the bytes is no faster, and could not be zeroed.
 */
export function createNodeAead(load: () => NodeCrypto): AeadProvider {
  const cipherOver = (crypto: NodeCrypto): AeadCipher => ({
    seal(key, nonce, plaintext, out, additionalData) {
      const cipher = crypto.createCipheriv(CIPHER, key, nonce, CIPHER_OPTIONS);
      if (additionalData !== undefined) cipher.setAAD(additionalData);
      out.set(cipher.update(plaintext), 0);
      cipher.final();
      out.set(cipher.getAuthTag(), plaintext.length);
    },
    open(key, nonce, sealed, out, additionalData) {
      const length = sealed.length - TAG_LENGTH;
      const decipher = crypto.createDecipheriv(CIPHER, key, nonce, CIPHER_OPTIONS);
      decipher.setAuthTag(sealed.subarray(length));
      if (additionalData !== undefined) decipher.setAAD(additionalData);
      const plaintext = decipher.update(sealed.subarray(0, length));
      try {
        decipher.final();
      } catch {
        return false;
      }
      out.set(plaintext, 0);
      return true;
    },
  });
  return { name: NAME, createKey: (key) => keyFrom(cipherOver(load()), key) };
}

/** DER of an X25519 private key (RFC 5958, RFC 8410), without the 32 bytes of the key at its end. */
const PKCS8_PREFIX: readonly number[] = [
  0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20,
];
/** DER of an X25519 public key (RFC 5280, RFC 8410), without the 32 bytes of the key at its end. */
const SPKI_PREFIX: readonly number[] = [
  0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00,
];

/**
 * X25519 by OpenSSL. Keys go in as DER: the JWK import is several times faster, but takes the
 * private key as a string, and a string cannot be zeroed. OpenSSL clears its own copy when the
 * KeyObject is collected.
 */
export function createNodeX25519(load: () => NodeCrypto): X25519 {
  return {
    name: NAME,
    publicKey(privateKey) {
      checkLengths(privateKey);
      const crypto = load();
      const key = crypto.createPublicKey(importPrivate(crypto, privateKey));
      return Uint8Array.from(key.export({ format: 'der', type: 'spki' }).subarray(-32));
    },
    sharedSecret(privateKey, publicKey) {
      checkLengths(privateKey, publicKey);
      const crypto = load();
      const keys = {
        privateKey: importPrivate(crypto, privateKey),
        publicKey: importPublic(crypto, publicKey),
      };
      let result: Uint8Array;
      try {
        result = crypto.diffieHellman(keys);
      } catch {
        return undefined;
      }
      const copy = Uint8Array.from(result);
      result.fill(0);
      return isAllZero(copy) ? undefined : copy;
    },
  };
}

function importPrivate(crypto: NodeCrypto, raw: Uint8Array): KeyObject {
  const key = der(PKCS8_PREFIX, raw);
  try {
    return crypto.createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  } finally {
    key.fill(0);
  }
}

function importPublic(crypto: NodeCrypto, raw: Uint8Array): KeyObject {
  return crypto.createPublicKey({ key: der(SPKI_PREFIX, raw), format: 'der', type: 'spki' });
}

function der(prefix: readonly number[], raw: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(prefix.length + raw.length);
  bytes.set(prefix, 0);
  bytes.set(raw, prefix.length);
  return bytes;
}

export const nodeAead: AeadProvider = createNodeAead(loadNodeCrypto);
export const nodeX25519: X25519 = createNodeX25519(loadNodeCrypto);
