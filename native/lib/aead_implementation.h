/* The two implementations that aead.c chooses from. */
#ifndef WG_TS_AEAD_IMPLEMENTATION_H
#define WG_TS_AEAD_IMPLEMENTATION_H

#include "aead.h"

struct aead_implementation {
  const char *name;
  bool (*is_available)(void);
  void (*seal)(struct aead_context *context, const struct aead_key *key, uint64_t counter,
               uint8_t *packet, size_t length, size_t padding, uint8_t *out);
  bool (*open)(struct aead_context *context, const struct aead_key *key, uint64_t counter,
               uint8_t *sealed, size_t length, uint8_t *out);
};

extern const struct aead_implementation aead_direct;
extern const struct aead_implementation aead_evp;

static inline bool is_equal_tag(const uint8_t *a, const uint8_t *b) {
  uint64_t difference = load_le64(a) ^ load_le64(b);
  difference |= load_le64(a + 8) ^ load_le64(b + 8);
  return difference == 0;
}

#endif
