#include "aead.h"

#include "aead_implementation.h"
#include "aead_selftest.h"
#include "openssl.h"

#ifdef WG_TS_NULL_CIPHER
/* For measuring the cost of everything else: no secrecy at all. Both ends must be built with it. */
static bool null_is_available(void) { return true; }

static void null_seal(struct aead_context *context, const struct aead_key *key, uint64_t counter,
                      uint8_t *packet, size_t length, size_t padding, uint8_t *out) {
  (void)context, (void)key, (void)counter;
  memcpy(out, packet, length);
  memset(out + length, 0, padding + AEAD_TAG);
}

static bool null_open(struct aead_context *context, const struct aead_key *key, uint64_t counter,
                      uint8_t *sealed, size_t length, uint8_t *out) {
  (void)context, (void)key, (void)counter;
  memcpy(out, sealed, length);
  return true;
}

static const struct aead_implementation null_cipher = {
    .name = "null cipher",
    .is_available = null_is_available,
    .seal = null_seal,
    .open = null_open,
};
#endif

static bool is_good(const struct aead_implementation *implementation) {
  return implementation->is_available() && aead_selftest(implementation);
}

const struct aead_implementation *aead_select(bool allow_direct) {
  openssl_resolve();
#ifdef WG_TS_NULL_CIPHER
  (void)allow_direct, (void)is_good;
  return &null_cipher;
#else
  if (allow_direct && is_good(&aead_direct)) return &aead_direct;
  return is_good(&aead_evp) ? &aead_evp : NULL;
#endif
}

const char *aead_name(const struct aead_implementation *implementation) {
  return implementation ? implementation->name : NULL;
}

bool aead_context_init(struct aead_context *context,
                       const struct aead_implementation *implementation) {
  memset(context, 0, sizeof *context);
  context->implementation = implementation;
  if (implementation != &aead_evp) return true;
  context->cipher = EVP_CIPHER_CTX_new();
  return context->cipher != NULL;
}

void aead_context_forget(struct aead_context *context) {
  if (!context->is_keyed) return;
  EVP_CIPHER_CTX_reset(context->cipher);
  secure_zero(&context->key, sizeof context->key);
  context->is_keyed = false;
}

void aead_context_destroy(struct aead_context *context) {
  aead_context_forget(context);
  if (context->cipher) EVP_CIPHER_CTX_free(context->cipher);
  context->cipher = NULL;
}

void aead_seal(struct aead_context *context, const struct aead_key *key, uint64_t counter,
               uint8_t *packet, size_t length, size_t padding, uint8_t *out) {
  context->implementation->seal(context, key, counter, packet, length, padding, out);
}

bool aead_open(struct aead_context *context, const struct aead_key *key, uint64_t counter,
               uint8_t *sealed, size_t length, uint8_t *out) {
  return context->implementation->open(context, key, counter, sealed, length, out);
}
