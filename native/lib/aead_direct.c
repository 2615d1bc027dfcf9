/* With OpenSSL's ChaCha20_ctr32 and Poly1305 directly: one call for both the tag's key and the data. */
#include "aead_implementation.h"
#include "openssl.h"

#define BLOCK 64
#define POLY1305_CONTEXT 512

struct poly1305_context {
  _Alignas(64) uint8_t bytes[POLY1305_CONTEXT];
};

static bool is_available(void) {
  return ChaCha20_ctr32 && Poly1305_ctx_size && Poly1305_Init && Poly1305_Update &&
         Poly1305_Final && Poly1305_ctx_size() <= POLY1305_CONTEXT;
}

/*
 * RFC 8439, 2.8: authenticates the ciphertext, zeros up to a multiple of 16, and both lengths. Zeros and
 * lengths are written after the ciphertext.
 */
static void authenticate(const uint8_t *one_time_key, uint8_t *ciphertext, size_t length,
                         uint8_t tag[AEAD_TAG]) {
  struct poly1305_context context;
  size_t padding = -length & 15;
  uint8_t *end = ciphertext + length;
  memset(end, 0, 16);
  store_le64(end + padding, 0);
  store_le64(end + padding + 8, length);
  Poly1305_Init(&context, one_time_key);
  Poly1305_Update(&context, ciphertext, length + padding + 16);
  Poly1305_Final(&context, tag);
}

static void key_stream(const struct aead_key *key, uint64_t counter, uint8_t *in, size_t length,
                       uint8_t *out) {
  const uint32_t nonce[4] = {0, 0, (uint32_t)counter, (uint32_t)(counter >> 32)};
  memset(in - BLOCK, 0, BLOCK);
  ChaCha20_ctr32(out - BLOCK, in - BLOCK, length + BLOCK, key->words, nonce);
}

static void seal(struct aead_context *context, const struct aead_key *key, uint64_t counter,
                 uint8_t *packet, size_t length, size_t padding, uint8_t *out) {
  (void)context;
  uint8_t behind[16], before[BLOCK];
  memcpy(behind, packet + length, sizeof behind);
  memset(packet + length, 0, padding);
  memcpy(before, out - BLOCK, BLOCK);
  key_stream(key, counter, packet, length + padding, out);
  memcpy(packet + length, behind, sizeof behind);
  authenticate(out - BLOCK, out, length + padding, out + length + padding);
  memcpy(out - BLOCK, before, BLOCK);
}

static bool open(struct aead_context *context, const struct aead_key *key, uint64_t counter,
                 uint8_t *sealed, size_t length, uint8_t *out) {
  (void)context;
  uint8_t expected[AEAD_TAG], behind[16], tag[AEAD_TAG];
  uint8_t *end = sealed + length;
  memcpy(expected, end, AEAD_TAG);
  memcpy(behind, end + AEAD_TAG, sizeof behind);
  key_stream(key, counter, sealed, length, out);
  authenticate(out - BLOCK, sealed, length, tag);
  memset(out - BLOCK, 0, BLOCK);
  memcpy(end + AEAD_TAG, behind, sizeof behind);
  return is_equal_tag(expected, tag);
}

const struct aead_implementation aead_direct = {
    .name = "OpenSSL's ChaCha20 and Poly1305",
    .is_available = is_available,
    .seal = seal,
    .open = open,
};
