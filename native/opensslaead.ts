import {
  type AeadKey,
  type AeadProvider,
  KEY_LENGTH,
  NONCE_LENGTH,
  TAG_LENGTH,
} from '../crypto/aead.js';
import { must, type Openssl, type OpensslObject } from './openssl.js';

// openssl/evp.h
const EVP_CTRL_AEAD_GET_TAG = 0x10;
const EVP_CTRL_AEAD_SET_TAG = 0x11;

/**
 * ChaCha20-Poly1305 with a context for each key, about five times faster than node:crypto, which makes
 * an object for each message.
 */
export function opensslAead(openssl: Openssl, name: string): AeadProvider {
  return { name, createKey: (key) => new OpensslAeadKey(openssl, key) };
}

class OpensslAeadKey implements AeadKey {
  readonly #openssl: Openssl;
  #context: OpensslObject | undefined;
  readonly #length = new Uint8Array(4);
  readonly #tag = new Uint8Array(TAG_LENGTH);

  constructor(openssl: Openssl, key: Uint8Array) {
    if (key.length !== KEY_LENGTH) throw new RangeError('an AEAD key has 32 bytes');
    this.#openssl = openssl;
    this.#context = openssl.EVP_CIPHER_CTX_new();
    const cipher = openssl.EVP_get_cipherbyname('ChaCha20-Poly1305');
    must(openssl, openssl.EVP_CipherInit_ex(this.#context, cipher, null, key, null, 1));
  }

  seal(nonce: Uint8Array, plaintext: Uint8Array, out: Uint8Array, data?: Uint8Array): void {
    const openssl = this.#openssl;
    const context = this.#ready(nonce, out, plaintext.length + TAG_LENGTH);
    must(openssl, openssl.EVP_CipherInit_ex(context, null, null, null, nonce, 1));
    this.#update(context, data, out, plaintext, plaintext.length);
    must(openssl, openssl.EVP_CipherFinal_ex(context, this.#tag, this.#length));
    must(
      openssl,
      openssl.EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_LENGTH, this.#tag),
    );
    out.set(this.#tag, plaintext.length);
  }

  open(nonce: Uint8Array, sealed: Uint8Array, out: Uint8Array, data?: Uint8Array): boolean {
    const openssl = this.#openssl;
    const length = sealed.length - TAG_LENGTH;
    const context = this.#ready(nonce, out, length);
    if (length < 0) return false;
    this.#tag.set(sealed.subarray(length));
    must(openssl, openssl.EVP_CipherInit_ex(context, null, null, null, nonce, 0));
    must(
      openssl,
      openssl.EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_LENGTH, this.#tag),
    );
    this.#update(context, data, out, sealed, length);
    const isAuthentic = openssl.EVP_CipherFinal_ex(context, this.#tag, this.#length) === 1;
    if (!isAuthentic) openssl.ERR_clear_error();
    return isAuthentic;
  }

  destroy(): void {
    if (this.#context === undefined) return;
    this.#openssl.EVP_CIPHER_CTX_free(this.#context);
    this.#context = undefined;
  }

  #update(
    context: OpensslObject,
    data: Uint8Array | undefined,
    out: Uint8Array,
    input: Uint8Array,
    length: number,
  ): void {
    const openssl = this.#openssl;
    if (data)
      must(openssl, openssl.EVP_CipherUpdate(context, null, this.#length, data, data.length));
    must(openssl, openssl.EVP_CipherUpdate(context, out, this.#length, input, length));
  }

  /** Checks the lengths: OpenSSL itself would read and write beyond buffers that are too short. */
  #ready(nonce: Uint8Array, out: Uint8Array, needed: number): OpensslObject {
    if (this.#context === undefined) throw new Error('this AEAD key has been destroyed');
    if (nonce.length !== NONCE_LENGTH) throw new RangeError('an AEAD nonce has 12 bytes');
    if (out.length < needed) throw new RangeError('the output is too short for the AEAD result');
    return this.#context;
  }
}
