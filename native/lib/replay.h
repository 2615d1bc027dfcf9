/*
 * Which counters of one receiving key have been seen (section 5.4.6, in the manner of RFC 6479): a
 * ring of words, of which one more than the window is kept, so that clearing the words passed over
 * never reaches a counter that still counts.
 *
 * Any thread may ask `replay_is_fresh`; `replay_accept` needs a lock of the caller's.
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

/* Whether `replay_accept` would take it: a replayed packet costs no decryption. */
bool replay_is_fresh(const struct replay *replay, uint64_t counter);

/* Marks it as seen; false when it was, is too old or past the limit. Only for authentic packets. */
bool replay_accept(struct replay *replay, uint64_t counter);

#endif
