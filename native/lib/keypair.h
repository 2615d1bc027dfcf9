/* The transport keys of one session, and the table that finds them by receiver index. */
#ifndef WG_TS_KEYPAIR_H
#define WG_TS_KEYPAIR_H

#include <stdatomic.h>

#include "../wg_ts.h"
#include "aead.h"
#include "common.h"
#include "epoch.h"
#include "replay.h"
#include "system.h"

/* Nanoseconds (section 6.1). */
#define REJECT_AFTER_TIME (180ull * 1000 * 1000 * 1000)
#define REKEY_AFTER_MESSAGES (1ull << 60)

struct peer;

struct keypair {
  struct retired retired;
  struct keypair *_Atomic next_in_bucket;
  struct peer *peer;
  uint32_t local_index;
  uint32_t remote_index;
  bool is_initiator;
  uint64_t created_at;
  struct aead_key send_key;
  struct aead_key receive_key;
  /* On separate cache lines: the first is written by senders, the rest by receivers. */
  _Alignas(64) _Atomic uint64_t send_counter;
  _Alignas(64) struct mutex receive_lock;
  struct replay replay;
};

/* Returns NULL when out of memory. */
struct keypair *keypair_new(const struct wg_ts_keypair *made, struct peer *peer, uint64_t now);
/* Zeroes and frees the keypair; also for `epoch_retire`. */
bool keypair_destroy(struct retired *retired);

static inline bool keypair_is_expired(const struct keypair *keypair, uint64_t now) {
  return now > keypair->created_at && now - keypair->created_at >= REJECT_AFTER_TIME;
}

/*
 * Takes up to `wanted` counters that no other caller gets, `*first` and those after it. Returns how
 * many, 0 when the key has none left.
 */
uint64_t keypair_take_counters(struct keypair *keypair, uint64_t wanted, uint64_t *first);

/* Marks an authentic packet as seen. Returns false for a replay. */
static inline bool keypair_accept(struct keypair *keypair, uint64_t counter) {
  mutex_lock(&keypair->receive_lock);
  bool is_new = replay_accept(&keypair->replay, counter);
  mutex_unlock(&keypair->receive_lock);
  return is_new;
}

#define INDEX_BUCKETS 4096

struct index_table {
  struct mutex lock;
  struct keypair *_Atomic buckets[INDEX_BUCKETS];
};

void index_table_init(struct index_table *table);
void index_table_destroy(struct index_table *table);
void index_table_insert(struct index_table *table, struct keypair *keypair);
void index_table_remove(struct index_table *table, struct keypair *keypair);

static inline struct keypair *index_table_find(struct index_table *table, uint32_t local_index) {
  struct keypair *keypair = atomic_load_explicit(&table->buckets[local_index % INDEX_BUCKETS],
                                                 memory_order_acquire);
  while (keypair && keypair->local_index != local_index)
    keypair = atomic_load_explicit(&keypair->next_in_bucket, memory_order_acquire);
  return keypair;
}

#endif
