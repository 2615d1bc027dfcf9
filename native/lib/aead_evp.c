/* With OpenSSL's public interface, where its internal functions are not exported. */
#include <limits.h>
#include <stdlib.h>

#include "aead_implementation.h"
#include "openssl.h"

static bool is_available(void) {
  return EVP_CIPHER_CTX_new && EVP_CIPHER_CTX_free && EVP_CIPHER_CTX_reset &&
         EVP_get_cipherbyname && EVP_CipherInit_ex && EVP_CipherUpdate && EVP_CipherFinal_ex &&
         EVP_CIPHER_CTX_ctrl && EVP_get_cipherbyname("ChaCha20-Poly1305");
}

/* Setting a key costs about as much as a short packet, so it is done only when the key changes. */
static bool prepare(struct aead_context *context, const struct aead_key *key, uint64_t counter,
                    int encrypt) {
  uint8_t nonce[12] = {0};
  store_le64(nonce + 4, counter);
  EVP_CIPHER_CTX *cipher = context->cipher;
  if (context->is_keyed && memcmp(&context->key, key, sizeof *key) == 0)
    return EVP_CipherInit_ex(cipher, NULL, NULL, NULL, nonce, encrypt) == 1;
  const uint8_t *bytes = (const uint8_t *)key->words;
  if (EVP_CipherInit_ex(cipher, EVP_get_cipherbyname("ChaCha20-Poly1305"), NULL, bytes, nonce,
                        encrypt) != 1)
    return false;
  context->key = *key;
  context->is_keyed = true;
  return true;
}

static void seal(struct aead_context *context, const struct aead_key *key, uint64_t counter,
                 uint8_t *packet, size_t length, size_t padding, uint8_t *out) {
  static const uint8_t zeroes[16];
  EVP_CIPHER_CTX *cipher = context->cipher;
  uint8_t *end = out + length + padding;
  int written = 0;
  bool is_done = prepare(context, key, counter, 1) &&
                 EVP_CipherUpdate(cipher, out, &written, packet, (int)length) == 1 &&
                 (padding == 0 ||
                  EVP_CipherUpdate(cipher, out + length, &written, zeroes, (int)padding) == 1) &&
                 EVP_CipherFinal_ex(cipher, end, &written) == 1 &&
                 EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG, end) == 1;
  /* This cannot fail; if it did, nothing of the packet must be sent. */
  if (!is_done) memset(out, 0, length + padding + AEAD_TAG);
}

static bool open(struct aead_context *context, const struct aead_key *key, uint64_t counter,
                 uint8_t *sealed, size_t length, uint8_t *out) {
  EVP_CIPHER_CTX *cipher = context->cipher;
  int written = 0;
  uint8_t rest[16];
  return prepare(context, key, counter, 0) &&
         EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG, sealed + length) == 1 &&
         EVP_CipherUpdate(cipher, out, &written, sealed, (int)length) == 1 &&
         EVP_CipherFinal_ex(cipher, rest, &written) == 1;
}

const struct aead_implementation aead_evp = {
    .name = "OpenSSL's EVP",
    .is_available = is_available,
    .seal = seal,
    .open = open,
};
