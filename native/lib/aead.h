/*
 * ChaCha20-Poly1305 of transport messages (RFC 8439; section 5.4.6 of the WireGuard paper): no
 * additional data, a nonce of 4 zero bytes and the counter. The primitives are OpenSSL's.
 */
#ifndef WG_TS_AEAD_H
#define WG_TS_AEAD_H

#include "common.h"

#define AEAD_TAG 16
/* Bytes before a packet and before its result that the call may use. */
#define AEAD_HEADROOM 64
/* Bytes after both that must be accessible, and are left unchanged. */
#define AEAD_SLACK 32

struct aead_key {
  uint32_t words[8];
};

struct aead_implementation;

/* The state of one thread; never shared between threads. */
struct aead_context {
  const struct aead_implementation *implementation;
  void *cipher;
  struct aead_key key;
  bool is_keyed;
};

/* Returns the fastest available implementation that passes the self-test, or NULL. */
const struct aead_implementation *aead_select(bool allow_direct);
const char *aead_name(const struct aead_implementation *implementation);

bool aead_context_init(struct aead_context *context,
                       const struct aead_implementation *implementation);
/* Forgets the key; to be called before a thread sleeps. */
void aead_context_forget(struct aead_context *context);
void aead_context_destroy(struct aead_context *context);

/*
 * Seals `length` bytes of `packet`, followed by `padding` (0 to 15) zero bytes, into `out`, which gets
 * both and the tag. Overwrites the 64 bytes before `packet`, but not those before `out`. Overwrites up
 * to AEAD_SLACK bytes after the tag.
 */
void aead_seal(struct aead_context *context, const struct aead_key *key, uint64_t counter,
               uint8_t *packet, size_t length, size_t padding, uint8_t *out);

/*
 * Opens `length` bytes and the tag after them into `out`, which must not overlap. Returns false when
 * they are not authentic; the content of `out` is then meaningless. Overwrites the 64 bytes before
 * `sealed`, its tag, and the 64 bytes before `out`.
 */
bool aead_open(struct aead_context *context, const struct aead_key *key, uint64_t counter,
               uint8_t *sealed, size_t length, uint8_t *out);

#endif
