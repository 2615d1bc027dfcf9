import { createRequire } from 'node:module';

/** A pointer to an opaque object of OpenSSL; null on failure. */
export type OpensslObject = unknown;

/** The functions used of OpenSSL in the node executable. Those that return a number return 1 for success. */
export interface Openssl {
  EVP_CIPHER_CTX_new(): OpensslObject;
  /** Clears the key in the context. */
  EVP_CIPHER_CTX_free(context: OpensslObject): void;
  EVP_get_cipherbyname(name: string): OpensslObject;
  EVP_CipherInit_ex(
    context: OpensslObject,
    cipher: OpensslObject,
    engine: null,
    key: Uint8Array | null,
    nonce: Uint8Array | null,
    isEncryption: 0 | 1,
  ): number;
  EVP_CipherUpdate(
    context: OpensslObject,
    out: Uint8Array | null,
    outLength: Uint8Array,
    input: Uint8Array,
    inputLength: number,
  ): number;
  EVP_CipherFinal_ex(context: OpensslObject, out: Uint8Array, outLength: Uint8Array): number;
  EVP_CIPHER_CTX_ctrl(
    context: OpensslObject,
    command: number,
    size: number,
    data: Uint8Array,
  ): number;
  EVP_PKEY_new_raw_private_key(
    type: number,
    engine: null,
    key: Uint8Array,
    length: number,
  ): OpensslObject;
  EVP_PKEY_new_raw_public_key(
    type: number,
    engine: null,
    key: Uint8Array,
    length: number,
  ): OpensslObject;
  EVP_PKEY_get_raw_public_key(key: OpensslObject, out: Uint8Array, length: Uint8Array): number;
  /** Clears the key. */
  EVP_PKEY_free(key: OpensslObject): void;
  EVP_PKEY_CTX_new(key: OpensslObject, engine: null): OpensslObject;
  EVP_PKEY_CTX_free(context: OpensslObject): void;
  EVP_PKEY_derive_init(context: OpensslObject): number;
  EVP_PKEY_derive_set_peer(context: OpensslObject, peer: OpensslObject): number;
  EVP_PKEY_derive(context: OpensslObject, out: Uint8Array, length: Uint8Array): number;
  ERR_clear_error(): void;
}

const SIGNATURES: Readonly<Record<keyof Openssl, string>> = {
  EVP_CIPHER_CTX_new: 'void *EVP_CIPHER_CTX_new()',
  EVP_CIPHER_CTX_free: 'void EVP_CIPHER_CTX_free(void *context)',
  // The function for each cipher is not exported everywhere: it is missing on Windows.
  EVP_get_cipherbyname: 'void *EVP_get_cipherbyname(const char *name)',
  EVP_CipherInit_ex:
    'int EVP_CipherInit_ex(void *context, void *cipher, void *engine, void *key, void *iv, int enc)',
  EVP_CipherUpdate:
    'int EVP_CipherUpdate(void *context, void *out, void *outLength, void *in, int inLength)',
  EVP_CipherFinal_ex: 'int EVP_CipherFinal_ex(void *context, void *out, void *outLength)',
  EVP_CIPHER_CTX_ctrl: 'int EVP_CIPHER_CTX_ctrl(void *context, int type, int size, void *data)',
  EVP_PKEY_new_raw_private_key:
    'void *EVP_PKEY_new_raw_private_key(int type, void *engine, void *key, size_t length)',
  EVP_PKEY_new_raw_public_key:
    'void *EVP_PKEY_new_raw_public_key(int type, void *engine, void *key, size_t length)',
  EVP_PKEY_get_raw_public_key:
    'int EVP_PKEY_get_raw_public_key(void *key, void *out, void *length)',
  EVP_PKEY_free: 'void EVP_PKEY_free(void *key)',
  EVP_PKEY_CTX_new: 'void *EVP_PKEY_CTX_new(void *key, void *engine)',
  EVP_PKEY_CTX_free: 'void EVP_PKEY_CTX_free(void *context)',
  EVP_PKEY_derive_init: 'int EVP_PKEY_derive_init(void *context)',
  EVP_PKEY_derive_set_peer: 'int EVP_PKEY_derive_set_peer(void *context, void *peer)',
  EVP_PKEY_derive: 'int EVP_PKEY_derive(void *context, void *out, void *length)',
  ERR_clear_error: 'void ERR_clear_error()',
};

/**
 * Binds OpenSSL's functions in the running process: official builds of Node.js export them, and
 * Debian's links to a libcrypto that does. Throws where koffi does not load or the functions are missing,
 * as in Electron, which has BoringSSL.
 */
export function bindOpenssl(): Openssl {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const executable = koffi.load(null);
  const bound = Object.entries(SIGNATURES).map(([name, signature]) => [
    name,
    executable.func(signature),
  ]);
  return Object.fromEntries(bound) as Openssl;
}

/** Throws when OpenSSL refused an operation that cannot fail for well-formed arguments. */
export function must(openssl: Openssl, result: number): void {
  if (result === 1) return;
  openssl.ERR_clear_error();
  throw new Error('OpenSSL refused an operation');
}
