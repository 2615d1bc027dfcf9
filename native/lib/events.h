/*
 * Events for the control plane, without a lock and within fixed memory: handshake messages in a ring of
 * each thread, dropped when it is full; everything else as bits of the peer concerned, which is in the
 * list of touched peers at most once.
 */
#ifndef WG_TS_EVENTS_H
#define WG_TS_EVENTS_H

#include <stdatomic.h>

#include "../wg_ts.h"
#include "common.h"
#include "system.h"

/* A power of two. */
#define HANDSHAKE_SLOTS 64

struct handshake_slot {
  struct wg_ts_endpoint from;
  uint32_t length;
  uint8_t message[WG_TS_MAX_MESSAGE];
};

/* One thread writes, the thread of the API calls reads. */
struct handshake_ring {
  _Alignas(64) _Atomic uint32_t written;
  _Alignas(64) _Atomic uint32_t read;
  struct handshake_slot slots[HANDSHAKE_SLOTS];
};

/* Returns false when the ring is full. */
bool handshake_ring_push(struct handshake_ring *ring, const struct wg_ts_endpoint *from,
                         const uint8_t *message, size_t length);
bool handshake_ring_pop(struct handshake_ring *ring, struct wg_ts_event *event);

/* Bits of a touched peer, in addition to those of WG_TS_TRAFFIC_* below 16. */
enum {
  TOUCHED_TRAFFIC_MASK = 0xf,
  TOUCHED_NEEDS_HANDSHAKE = 1 << 8,
  TOUCHED_KEY_CONFIRMED = 1 << 9,
  TOUCHED_ROAMED = 1 << 10,
};

/* Embedded in a peer. Times are in nanoseconds. */
struct touched {
  struct touched *_Atomic next;
  _Atomic uint32_t bits;
  /* Set while the peer is in the list, because it has bits or was removed. */
  _Atomic bool is_listed;
  _Atomic uint32_t confirmed_index;
  _Atomic uint64_t sent_at;
  _Atomic uint64_t received_at;
};

struct doorbell {
  struct bell bell;
  bool is_open;
  _Atomic bool is_rung;
  _Atomic bool is_armed_for_traffic;
  struct touched *_Atomic touched;
  _Atomic int tun_error;
  _Atomic bool is_tun_corrupt;
};

/* Depends on the system, as do those below. Returns 0 or errno; `path` is for a system whose bell has one. */
int bell_open(struct bell *bell, const char *path);
void bell_ring(struct bell *bell);
/* Silences the bell, where that is not up to the listener. */
void bell_quiet(struct bell *bell);
void bell_close(struct bell *bell);
/* Returns -1 where the bell is not a descriptor. */
int bell_descriptor(const struct bell *bell);

/* Returns 0 or errno. */
int doorbell_open(struct doorbell *doorbell, const char *path);
void doorbell_close(struct doorbell *doorbell);
void doorbell_ring(struct doorbell *doorbell);
/* Silences the doorbell; any later event rings it again. */
void doorbell_quiet(struct doorbell *doorbell);

/* Sets bits of a peer, lists it, and rings if they should be handled at once. */
void doorbell_touch(struct doorbell *doorbell, struct touched *peer, uint32_t bits);

#endif
