/*
 * OpenSSL's internal functions come without any promise, and another library may have functions of the
 * same names. So no implementation is used that has not passed these tests in this process.
 */
#include "aead_selftest.h"

#include "openssl.h"

#define LONG 1420

static const char SUNSCREEN[] =
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
    "sunscreen would be it.";
#define SUNSCREEN_LENGTH (sizeof SUNSCREEN - 1)

/* RFC 8439, 2.4.2 */
static const uint8_t CHACHA20_TEXT[16] = {0x6e, 0x2e, 0x35, 0x9a, 0x25, 0x68, 0xf9, 0x80,
                                          0x41, 0xba, 0x07, 0x28, 0xdd, 0x0d, 0x69, 0x81};
static const uint8_t CHACHA20_TAIL[16] = {0x8e, 0xed, 0xf2, 0x78, 0x5e, 0x42, 0x87, 0x4d};

/* RFC 8439, 2.5.2 */
static const uint8_t POLY1305_KEY[32] = {0x85, 0xd6, 0xbe, 0x78, 0x57, 0x55, 0x6d, 0x33,
                                         0x7f, 0x44, 0x52, 0xfe, 0x42, 0xd5, 0x06, 0xa8,
                                         0x01, 0x03, 0x80, 0x8a, 0xfb, 0x0d, 0xb2, 0xfd,
                                         0x4a, 0xbf, 0xf6, 0xaf, 0x41, 0x49, 0xf5, 0x1b};
static const char POLY1305_MESSAGE[] = "Cryptographic Forum Research Group";
static const uint8_t POLY1305_TAG[16] = {0xa8, 0x06, 0x1d, 0xc1, 0x30, 0x51, 0x36, 0xc6,
                                         0xc2, 0x2b, 0x8b, 0xaf, 0x0c, 0x01, 0x27, 0xa9};

/*
 * The text above under the key 0x80 to 0x9f and this counter, without additional data: the key and
 * text of RFC 8439, 2.8.2 in the form that WireGuard uses.
 */
static const uint64_t COUNTER = 0x4746454443424140;
static const uint8_t SEALED_HEAD[16] = {0xa4, 0x79, 0xcb, 0x54, 0x62, 0x89, 0x46, 0xd6,
                                        0xf4, 0x04, 0x2a, 0x8e, 0x38, 0x4e, 0xf4, 0xbd};
static const uint8_t SEALED_TAG[16] = {0xfa, 0x67, 0x75, 0x57, 0x7a, 0x1a, 0x25, 0x0d,
                                       0xcc, 0x2d, 0xf3, 0x7e, 0x95, 0xe4, 0x6c, 0x4a};

static bool is_equal(const void *a, const void *b, size_t length) {
  return memcmp(a, b, length) == 0;
}

static void fill(uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) bytes[i] = (uint8_t)(i * 7 + (i >> 8));
}

static bool test_chacha20(void) {
  uint8_t key[32], in[LONG], at_once[LONG], in_blocks[LONG];
  uint32_t words[8], counter[4] = {1, 0, 0x4a000000, 0};
  for (size_t i = 0; i < sizeof key; i++) key[i] = (uint8_t)i;
  memcpy(words, key, sizeof words);
  memcpy(in, SUNSCREEN, SUNSCREEN_LENGTH);
  ChaCha20_ctr32(at_once, in, SUNSCREEN_LENGTH, words, counter);
  if (!is_equal(at_once, CHACHA20_TEXT, 16)) return false;
  if (!is_equal(at_once + SUNSCREEN_LENGTH - 8, CHACHA20_TAIL, 8)) return false;
  /* Long runs use other code than single blocks. */
  fill(in, sizeof in);
  ChaCha20_ctr32(at_once, in, LONG, words, counter);
  for (size_t at = 0; at < LONG; at += 64, counter[0]++)
    ChaCha20_ctr32(in_blocks + at, in + at, LONG - at < 64 ? LONG - at : 64, words, counter);
  return is_equal(at_once, in_blocks, LONG);
}

static bool test_poly1305(void) {
  _Alignas(64) uint8_t context[512];
  uint8_t tag[16], in_pieces[16], in[LONG];
  Poly1305_Init(context, POLY1305_KEY);
  Poly1305_Update(context, (const uint8_t *)POLY1305_MESSAGE, sizeof POLY1305_MESSAGE - 1);
  Poly1305_Final(context, tag);
  if (!is_equal(tag, POLY1305_TAG, 16)) return false;
  fill(in, sizeof in);
  Poly1305_Init(context, POLY1305_KEY);
  Poly1305_Update(context, in, LONG);
  Poly1305_Final(context, tag);
  Poly1305_Init(context, POLY1305_KEY);
  for (size_t at = 0; at < LONG; at += 16)
    Poly1305_Update(context, in + at, LONG - at < 16 ? LONG - at : 16);
  Poly1305_Final(context, in_pieces);
  return is_equal(tag, in_pieces, 16);
}

static bool test_known_answer(const struct aead_implementation *aead, struct aead_context *context,
                              const struct aead_key *key) {
  uint8_t in[256] = {0}, out[384], *packet = in + AEAD_HEADROOM, *sealed = out + AEAD_HEADROOM;
  memcpy(packet, SUNSCREEN, SUNSCREEN_LENGTH);
  aead->seal(context, key, COUNTER, packet, SUNSCREEN_LENGTH, 0, sealed);
  return is_equal(sealed, SEALED_HEAD, 16) && is_equal(sealed + SUNSCREEN_LENGTH, SEALED_TAG, 16);
}

/* Also tests that the bytes before and after, which must not be touched, are unchanged. */
static bool test_round_trip(const struct aead_implementation *aead, struct aead_context *context,
                            const struct aead_key *key, size_t length, size_t padding) {
  enum { SIZE = AEAD_HEADROOM + LONG + 16 + AEAD_TAG + AEAD_SLACK };
  uint8_t in[SIZE], out[SIZE], back[SIZE], expected[SIZE];
  const size_t sealed_length = length + padding;
  uint8_t *packet = in + AEAD_HEADROOM, *sealed = out + AEAD_HEADROOM;
  fill(in, SIZE);
  fill(expected, SIZE);
  fill(out, SIZE);
  aead->seal(context, key, length, packet, length, padding, sealed);
  if (!is_equal(packet, expected + AEAD_HEADROOM, SIZE - AEAD_HEADROOM)) return false;
  if (!is_equal(out, expected, AEAD_HEADROOM)) return false;
  uint8_t next[16];
  memcpy(next, sealed + sealed_length + AEAD_TAG, sizeof next);
  memcpy(in, out, SIZE);
  if (!aead->open(context, key, length, sealed, sealed_length, back + AEAD_HEADROOM)) return false;
  if (!is_equal(back + AEAD_HEADROOM, expected + AEAD_HEADROOM, length)) return false;
  for (size_t i = 0; i < padding; i++)
    if (back[AEAD_HEADROOM + length + i] != 0) return false;
  if (!is_equal(sealed + sealed_length + AEAD_TAG, next, sizeof next)) return false;
  memcpy(out, in, SIZE);
  sealed[sealed_length / 2] ^= 1;
  if (aead->open(context, key, length, sealed, sealed_length, back + AEAD_HEADROOM)) return false;
  memcpy(out, in, SIZE);
  return !aead->open(context, key, length + 1, sealed, sealed_length, back + AEAD_HEADROOM);
}

bool aead_selftest(const struct aead_implementation *implementation) {
  static const size_t LENGTHS[][2] = {{0, 0}, {1, 15}, {20, 12}, {64, 0}, {1000, 8}, {LONG, 0}};
  struct aead_context context = {0};
  struct aead_key key;
  uint8_t bytes[32];
  if (implementation == &aead_direct && !(test_chacha20() && test_poly1305())) return false;
  if (implementation == &aead_evp && !(context.cipher = EVP_CIPHER_CTX_new())) return false;
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(0x80 + i);
  memcpy(key.words, bytes, sizeof bytes);
  bool is_good = test_known_answer(implementation, &context, &key);
  for (size_t i = 0; is_good && i < sizeof LENGTHS / sizeof *LENGTHS; i++)
    is_good = test_round_trip(implementation, &context, &key, LENGTHS[i][0], LENGTHS[i][1]);
  if (context.cipher) EVP_CIPHER_CTX_free(context.cipher);
  return is_good;
}
