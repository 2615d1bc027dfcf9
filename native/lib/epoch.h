/*
 * Safe reclamation: memory that one thread takes out of a structure which others read without a lock is
 * freed only after each reader has since been outside of it. A reader announces the current epoch when it
 * begins a round and when it continues with the next; between rounds, before it sleeps, it leaves.
 */
#ifndef WG_TS_EPOCH_H
#define WG_TS_EPOCH_H

#include <stdatomic.h>

#include "common.h"
#include "system.h"

#define EPOCH_READERS 33

/* Embedded in everything that is to be freed later. */
struct retired {
  struct retired *next;
  uint64_t epoch;
  /* Returns false when it must be called again later. */
  bool (*destroy)(struct retired *retired);
};

struct epoch_reader {
  /* The epoch of the reader's round; 0 while it is outside of any round. */
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
/* Frees everything that was retired: no reader may be left. */
void epoch_destroy(struct epoch *epoch);

/* Begins a round, or continues with the next one. */
static inline void epoch_enter(struct epoch *epoch, struct epoch_reader *reader) {
  uint64_t now = atomic_load_explicit(&epoch->now, memory_order_acquire);
  /* An exchange is the cheapest full fence: it orders all later reads after the announcement. */
  atomic_exchange_explicit(&reader->seen, now, memory_order_seq_cst);
}

static inline void epoch_leave(struct epoch_reader *reader) {
  atomic_store_explicit(&reader->seen, 0, memory_order_release);
}

/* Readers that begin a round from now on must not be able to reach `retired`. Any thread may call this. */
void epoch_retire(struct epoch *epoch, struct retired *retired,
                  bool (*destroy)(struct retired *retired));

/* The same for plain memory from malloc(3). Only outside of a round: it blocks when out of memory. */
void epoch_retire_memory(struct epoch *epoch, void *memory);

/* Frees what no reader can see any more. For any thread, outside of a round or at its very end. */
void epoch_reclaim(struct epoch *epoch);

static inline void epoch_reclaim_if_any(struct epoch *epoch) {
  if (UNLIKELY(atomic_load_explicit(&epoch->has_retired, memory_order_relaxed)))
    epoch_reclaim(epoch);
}

#endif
