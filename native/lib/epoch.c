#include "epoch.h"

#include <stdlib.h>

struct retired_memory {
  struct retired retired;
  void *memory;
};

void epoch_init(struct epoch *epoch) {
  memset(epoch, 0, sizeof *epoch);
  atomic_init(&epoch->now, 1);
  mutex_init(&epoch->lock);
}

void epoch_destroy(struct epoch *epoch) {
  /* A `destroy` returns false twice at most. */
  for (int i = 0; i < 3 && epoch->retired; i++) epoch_reclaim(epoch);
  mutex_destroy(&epoch->lock);
}

void epoch_retire(struct epoch *epoch, struct retired *retired,
                  bool (*destroy)(struct retired *retired)) {
  atomic_thread_fence(memory_order_seq_cst);
  retired->destroy = destroy;
  retired->epoch = atomic_fetch_add_explicit(&epoch->now, 1, memory_order_seq_cst) + 1;
  mutex_lock(&epoch->lock);
  retired->next = epoch->retired;
  epoch->retired = retired;
  atomic_store_explicit(&epoch->has_retired, true, memory_order_relaxed);
  mutex_unlock(&epoch->lock);
}

/* Returns whether every reader is outside, or has begun a round at `at` or later. */
static bool has_passed(struct epoch *epoch, uint64_t at) {
  for (size_t i = 0; i < EPOCH_READERS; i++) {
    uint64_t seen = atomic_load_explicit(&epoch->readers[i].seen, memory_order_seq_cst);
    if (seen != 0 && seen < at) return false;
  }
  return true;
}

static bool destroy_memory(struct retired *retired) {
  struct retired_memory *holder = (struct retired_memory *)retired;
  free(holder->memory);
  free(holder);
  return true;
}

void epoch_retire_memory(struct epoch *epoch, void *memory) {
  struct retired_memory *holder = malloc(sizeof *holder);
  if (holder) {
    holder->memory = memory;
    epoch_retire(epoch, &holder->retired, destroy_memory);
    return;
  }
  uint64_t at = atomic_fetch_add_explicit(&epoch->now, 1, memory_order_seq_cst) + 1;
  while (!has_passed(epoch, at)) thread_yield();
  free(memory);
}

void epoch_reclaim(struct epoch *epoch) {
  atomic_thread_fence(memory_order_seq_cst);
  mutex_lock(&epoch->lock);
  struct retired *ready = NULL, **link = &epoch->retired;
  while (*link) {
    struct retired *one = *link;
    if (!has_passed(epoch, one->epoch)) {
      link = &one->next;
      continue;
    }
    *link = one->next;
    one->next = ready;
    ready = one;
  }
  atomic_store_explicit(&epoch->has_retired, epoch->retired != NULL, memory_order_relaxed);
  mutex_unlock(&epoch->lock);
  while (ready) {
    struct retired *one = ready;
    ready = one->next;
    if (!one->destroy(one)) epoch_retire(epoch, one, one->destroy);
  }
}
