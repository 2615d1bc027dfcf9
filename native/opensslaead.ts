import { createRequire } from 'node:module';
import {
  type AeadKey,
  type AeadProvider,
  KEY_LENGTH,
  NONCE_LENGTH,
  TAG_LENGTH,
} from '../crypto/aead.js';
import { passesAead } from '../crypto/selftest.js';

/** EVP_CIPHER_CTX: an address that only OpenSSL looks into. */
type CipherContext = unknown;

interface Evp {
  newContext(): CipherContext;
  /** Clears the key in it. */
  freeContext(context: CipherContext): void;
  chacha20Poly1305(): unknown;
  init(
    context: CipherContext,
    cipher: unknown,
    engine: null,
    key: Uint8Array | null,
    nonce: Uint8Array | null,
    isEncryption: 0 | 1,
  ): number;
  update(
    context: CipherContext,
    out: Uint8Array | null,
    outLength: Uint8Array,
    input: Uint8Array,
    inputLength: number,
  ): number;
  final(context: CipherContext, out: Uint8Array, outLength: Uint8Array): number;
  control(context: CipherContext, command: number, size: number, data: Uint8Array): number;
}

// openssl/evp.h
const EVP_CTRL_AEAD_GET_TAG = 0x10;
const EVP_CTRL_AEAD_SET_TAG = 0x11;

/**
 * ChaCha20-Poly1305 of the OpenSSL that the node executable carries, called directly: a context for
 * each key instead of an object for each message makes it some five times faster than node:crypto.
 * Undefined where the executable does not export OpenSSL (a distribution's node links to its own
 * libcrypto, Electron has BoringSSL) or where it fails the known-answer test.
 */
export function loadOpensslAead(): AeadProvider | undefined {
  try {
    const evp = bind();
    const provider: AeadProvider = {
      name: 'OpenSSL of node, through koffi',
      createKey: (key) => new OpensslKey(evp, key),
    };
    return passesAead(provider) ? provider : undefined;
  } catch {
    return undefined;
  }
}

function bind(): Evp {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const self = koffi.load(null);
  return {
    newContext: self.func('void *EVP_CIPHER_CTX_new()'),
    freeContext: self.func('void EVP_CIPHER_CTX_free(void *context)'),
    chacha20Poly1305: self.func('void *EVP_chacha20_poly1305()'),
    init: self.func(
      'int EVP_CipherInit_ex(void *context, void *cipher, void *engine, void *key, void *iv, int enc)',
    ),
    update: self.func(
      'int EVP_CipherUpdate(void *context, void *out, void *outLength, void *in, int inLength)',
    ),
    final: self.func('int EVP_CipherFinal_ex(void *context, void *out, void *outLength)'),
    control: self.func('int EVP_CIPHER_CTX_ctrl(void *context, int type, int size, void *data)'),
  };
}

class OpensslKey implements AeadKey {
  readonly #evp: Evp;
  #context: CipherContext | undefined;
  readonly #length = new Uint8Array(4);
  readonly #tag = new Uint8Array(TAG_LENGTH);

  constructor(evp: Evp, key: Uint8Array) {
    if (key.length !== KEY_LENGTH) throw new RangeError(`a key has ${KEY_LENGTH} bytes`);
    this.#evp = evp;
    this.#context = evp.newContext();
    this.#must(evp.init(this.#context, evp.chacha20Poly1305(), null, key, null, 1));
  }

  seal(nonce: Uint8Array, plaintext: Uint8Array, out: Uint8Array, data?: Uint8Array): void {
    const evp = this.#evp;
    const context = this.#ready(nonce, out, plaintext.length + TAG_LENGTH);
    this.#must(evp.init(context, null, null, null, nonce, 1));
    if (data) this.#must(evp.update(context, null, this.#length, data, data.length));
    this.#must(evp.update(context, out, this.#length, plaintext, plaintext.length));
    this.#must(evp.final(context, this.#tag, this.#length));
    this.#must(evp.control(context, EVP_CTRL_AEAD_GET_TAG, TAG_LENGTH, this.#tag));
    out.set(this.#tag, plaintext.length);
  }

  open(nonce: Uint8Array, sealed: Uint8Array, out: Uint8Array, data?: Uint8Array): boolean {
    const evp = this.#evp;
    const length = sealed.length - TAG_LENGTH;
    const context = this.#ready(nonce, out, length);
    if (length < 0) return false;
    this.#tag.set(sealed.subarray(length));
    this.#must(evp.init(context, null, null, null, nonce, 0));
    this.#must(evp.control(context, EVP_CTRL_AEAD_SET_TAG, TAG_LENGTH, this.#tag));
    if (data) this.#must(evp.update(context, null, this.#length, data, data.length));
    this.#must(evp.update(context, out, this.#length, sealed, length));
    return evp.final(context, this.#tag, this.#length) === 1;
  }

  destroy(): void {
    if (this.#context === undefined) return;
    this.#evp.freeContext(this.#context);
    this.#context = undefined;
  }

  /** OpenSSL itself would read and write beyond what is too short. */
  #ready(nonce: Uint8Array, out: Uint8Array, needed: number): CipherContext {
    if (this.#context === undefined) throw new Error('this key has been destroyed');
    if (nonce.length !== NONCE_LENGTH) throw new RangeError('an AEAD nonce has 12 bytes');
    if (out.length < needed) throw new RangeError('the output is too short for the AEAD result');
    return this.#context;
  }

  #must(result: number): void {
    if (result !== 1) throw new Error('OpenSSL refused an operation on a ChaCha20-Poly1305 key');
  }
}
