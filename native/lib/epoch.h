/*
 * Safe reclamation: what one thread takes out of a structure that others read without a lock is freed
 * when each of them has since been seen outside of it. A reader announces the present epoch when it
 * begins a round and when it goes on to the next; between rounds, before it sleeps, it leaves.
 */
#ifndef WG_TS_EPOCH_H
#define WG_TS_EPOCH_H

#include <stdatomic.h>

#include "common.h"
#include "system.h"

#define EPOCH_READERS 33

/* Part of what is to be freed later. */
struct retired {
  struct retired *next;
  uint64_t epoch;
  /* Answers false when it must be asked again later. */
  bool (*destroy)(struct retired *retired);
};

struct epoch_reader {
  /* 0 outside. */
  _Alignas(64) _Atomic uint64_t seen;
};

struct epoch {
  _Atomic uint64_t now;
  _Atomic bool has_retired;
  struct epoch_reader readers[EPOCH_READERS];
  struct mutex lock;
  struct retired *retired;
};

void epoch_init(struct epoch *epoch);
/* Frees everything that waits: no reader may be left. */
void epoch_destroy(struct epoch *epoch);

/* Begins a round, or goes on to the next one. */
static inline void epoch_enter(struct epoch *epoch, struct epoch_reader *reader) {
  uint64_t now = atomic_load_explicit(&epoch->now, memory_order_acquire);
  /* An exchange is the cheapest full fence: what is read afterwards is read after the announcement. */
  atomic_exchange_explicit(&reader->seen, now, memory_order_seq_cst);
}

static inline void epoch_leave(struct epoch_reader *reader) {
  atomic_store_explicit(&reader->seen, 0, memory_order_release);
}

/* `retired` is unreachable for whoever begins a round from now on. Any thread. */
void epoch_retire(struct epoch *epoch, struct retired *retired,
                  bool (*destroy)(struct retired *retired));

/* The same for plain memory from malloc(3). Only outside of a round: without memory it waits. */
void epoch_retire_memory(struct epoch *epoch, void *memory);

/* Frees what nobody can see any more. Any thread, outside of a round or at its very end. */
void epoch_reclaim(struct epoch *epoch);

static inline void epoch_reclaim_if_any(struct epoch *epoch) {
  if (UNLIKELY(atomic_load_explicit(&epoch->has_retired, memory_order_relaxed)))
    epoch_reclaim(epoch);
}

#endif
