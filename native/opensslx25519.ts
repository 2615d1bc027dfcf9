import { KEY_LENGTH } from '../crypto/aead.js';
import { isAllZero } from '../crypto/secret.js';
import { checkLengths, type X25519 } from '../crypto/x25519.js';
import { must, type Openssl, type OpensslObject } from './openssl.js';

// openssl/obj_mac.h
const NID_X25519 = 1034;

/**
 * X25519 with raw keys. node:crypto takes a private key only as DER or JWK: parsing the former takes ten
 * times as long as the computation itself, and the latter is a string, which cannot be zeroed.
 */
export function opensslX25519(openssl: Openssl, name: string): X25519 {
  return {
    name,
    publicKey(privateKey) {
      checkLengths(privateKey);
      const key = importPrivate(openssl, privateKey);
      const out = new Uint8Array(KEY_LENGTH);
      must(openssl, openssl.EVP_PKEY_get_raw_public_key(key, out, sizeOf(out)));
      openssl.EVP_PKEY_free(key);
      return out;
    },
    sharedSecret(privateKey, publicKey) {
      checkLengths(privateKey, publicKey);
      const key = importPrivate(openssl, privateKey);
      const peer = openssl.EVP_PKEY_new_raw_public_key(NID_X25519, null, publicKey, KEY_LENGTH);
      const context = openssl.EVP_PKEY_CTX_new(key, null);
      const out = new Uint8Array(KEY_LENGTH);
      const isDerived =
        openssl.EVP_PKEY_derive_init(context) === 1 &&
        openssl.EVP_PKEY_derive_set_peer(context, peer) === 1 &&
        openssl.EVP_PKEY_derive(context, out, sizeOf(out)) === 1;
      if (!isDerived) openssl.ERR_clear_error();
      openssl.EVP_PKEY_CTX_free(context);
      openssl.EVP_PKEY_free(peer);
      openssl.EVP_PKEY_free(key);
      return isDerived && !isAllZero(out) ? out : undefined;
    },
  };
}

function importPrivate(openssl: Openssl, raw: Uint8Array): OpensslObject {
  const key = openssl.EVP_PKEY_new_raw_private_key(NID_X25519, null, raw, KEY_LENGTH);
  must(openssl, key === null ? 0 : 1);
  return key;
}

/** Returns a size_t in memory, both input and output. */
function sizeOf(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(buffer.length)).buffer);
}
