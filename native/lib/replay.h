/*
 * The counters of one receiving key that have been seen (section 5.4.6, in the manner of RFC 6479): a
 * ring of words, with one more than the window, so that clearing the words passed over never reaches a
 * counter that is still in the window.
 *
 * Any thread may call `replay_is_fresh`; callers of `replay_accept` must hold a lock.
 */
#ifndef WG_TS_REPLAY_H
#define WG_TS_REPLAY_H

#include <stdatomic.h>

#include "common.h"

#define REJECT_AFTER_MESSAGES (UINT64_MAX - (1u << 13))
#define REPLAY_BITS 8192
#define REPLAY_WINDOW (REPLAY_BITS - 64)

struct replay {
  _Atomic uint64_t greatest;
  _Atomic uint64_t bitmap[REPLAY_BITS / 64];
};

/* Returns whether `replay_accept` would take the counter, so that a replay costs no decryption. */
bool replay_is_fresh(const struct replay *replay, uint64_t counter);

/*
 * Marks the counter as seen. Returns false when it already was, is too old or past the limit. Only for
 * authentic packets.
 */
bool replay_accept(struct replay *replay, uint64_t counter);

#endif
