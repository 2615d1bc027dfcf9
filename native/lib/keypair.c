#include "keypair.h"

struct keypair *keypair_new(const struct wg_ts_keypair *made, struct peer *peer, uint64_t now) {
  struct keypair *keypair = aligned_memory(sizeof *keypair);
  if (!keypair) return NULL;
  memset(keypair, 0, sizeof *keypair);
  keypair->peer = peer;
  keypair->local_index = made->local_index;
  keypair->remote_index = made->remote_index;
  keypair->is_initiator = made->is_initiator != 0;
  keypair->created_at = now > made->age ? now - made->age : 0;
  memcpy(keypair->send_key.words, made->send_key, sizeof made->send_key);
  memcpy(keypair->receive_key.words, made->receive_key, sizeof made->receive_key);
  atomic_init(&keypair->send_counter, made->send_counter);
  mutex_init(&keypair->receive_lock);
  return keypair;
}

bool keypair_destroy(struct retired *retired) {
  struct keypair *keypair = (struct keypair *)retired;
  mutex_destroy(&keypair->receive_lock);
  secure_zero(keypair, sizeof *keypair);
  aligned_memory_free(keypair);
  return true;
}

uint64_t keypair_take_counters(struct keypair *keypair, uint64_t wanted, uint64_t *first) {
  uint64_t next = atomic_load_explicit(&keypair->send_counter, memory_order_relaxed);
  uint64_t taken;
  do {
    if (next >= REJECT_AFTER_MESSAGES) return 0;
    const uint64_t left = REJECT_AFTER_MESSAGES - next;
    taken = wanted < left ? wanted : left;
  } while (!atomic_compare_exchange_weak_explicit(&keypair->send_counter, &next, next + taken,
                                                  memory_order_relaxed, memory_order_relaxed));
  *first = next;
  return taken;
}

void index_table_init(struct index_table *table) { mutex_init(&table->lock); }

void index_table_destroy(struct index_table *table) { mutex_destroy(&table->lock); }

void index_table_insert(struct index_table *table, struct keypair *keypair) {
  struct keypair *_Atomic *bucket = &table->buckets[keypair->local_index % INDEX_BUCKETS];
  mutex_lock(&table->lock);
  atomic_store_explicit(&keypair->next_in_bucket,
                        atomic_load_explicit(bucket, memory_order_relaxed), memory_order_relaxed);
  atomic_store_explicit(bucket, keypair, memory_order_release);
  mutex_unlock(&table->lock);
}

void index_table_remove(struct index_table *table, struct keypair *keypair) {
  struct keypair *_Atomic *link = &table->buckets[keypair->local_index % INDEX_BUCKETS];
  mutex_lock(&table->lock);
  for (struct keypair *at; (at = atomic_load_explicit(link, memory_order_relaxed));
       link = &at->next_in_bucket) {
    if (at != keypair) continue;
    atomic_store_explicit(link, atomic_load_explicit(&at->next_in_bucket, memory_order_relaxed),
                          memory_order_release);
    break;
  }
  mutex_unlock(&table->lock);
}
