/*
 * A peer's endpoint, read with every packet and written when it roams: six words under a version
 * (a seqlock), so that readers take no lock. Writers hold the peer's lock.
 */
#ifndef WG_TS_ENDPOINT_H
#define WG_TS_ENDPOINT_H

#include <stdatomic.h>

#include "../wg_ts.h"
#include "common.h"

#define ENDPOINT_WORDS (sizeof(struct wg_ts_endpoint) / 8)
_Static_assert(sizeof(struct wg_ts_endpoint) == 48, "an endpoint has six words");

struct shared_endpoint {
  _Atomic uint32_t version;
  _Atomic uint64_t words[ENDPOINT_WORDS];
};

static inline void endpoint_write(struct shared_endpoint *shared,
                                  const struct wg_ts_endpoint *endpoint) {
  uint64_t words[ENDPOINT_WORDS];
  memcpy(words, endpoint, sizeof words);
  uint32_t version = atomic_load_explicit(&shared->version, memory_order_relaxed);
  atomic_store_explicit(&shared->version, version + 1, memory_order_relaxed);
  atomic_thread_fence(memory_order_release);
  for (size_t i = 0; i < ENDPOINT_WORDS; i++)
    atomic_store_explicit(&shared->words[i], words[i], memory_order_release);
  atomic_store_explicit(&shared->version, version + 2, memory_order_release);
}

/* Returns false when there is no endpoint. */
static inline bool endpoint_read(const struct shared_endpoint *shared,
                                 struct wg_ts_endpoint *endpoint) {
  uint64_t words[ENDPOINT_WORDS];
  uint32_t before, after;
  do {
    before = atomic_load_explicit(&shared->version, memory_order_acquire);
    for (size_t i = 0; i < ENDPOINT_WORDS; i++)
      words[i] = atomic_load_explicit(&shared->words[i], memory_order_acquire);
    after = atomic_load_explicit(&shared->version, memory_order_relaxed);
  } while (UNLIKELY(before != after || (before & 1)));
  memcpy(endpoint, words, sizeof words);
  return endpoint->family != 0;
}

/* Compares address and port only, without our own end. */
static inline bool endpoint_is_same_place(const struct wg_ts_endpoint *a,
                                          const struct wg_ts_endpoint *b) {
  return a->family == b->family && a->port == b->port && a->scope == b->scope &&
         memcmp(a->address, b->address, sizeof a->address) == 0;
}

static inline bool endpoint_has_source(const struct wg_ts_endpoint *endpoint) {
  static const uint8_t none[sizeof endpoint->source] = {0};
  return memcmp(endpoint->source, none, sizeof none) != 0;
}

/* Lets the system choose our own address. */
static inline void endpoint_forget_source(struct wg_ts_endpoint *endpoint) {
  memset(endpoint->source, 0, sizeof endpoint->source);
  endpoint->interface_index = 0;
}

static inline bool endpoint_is_equal(const struct wg_ts_endpoint *a,
                                     const struct wg_ts_endpoint *b) {
  return memcmp(a, b, sizeof *a) == 0;
}

#endif
