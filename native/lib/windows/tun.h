/* What the files of the adapter's rings share. */
#ifndef WG_TS_TUN_H
#define WG_TS_TUN_H

#include "device.h"

/* NULL when there is none to be used. For whoever holds `session_lock`. */
static inline WINTUN_SESSION_HANDLE tun_session(const struct tun *tun) {
  return atomic_load_explicit(&tun->is_corrupt, memory_order_relaxed) ? NULL : tun->session;
}

/* Tells the control plane what `error` of a function of Wintun means; true when it means nothing. */
bool tun_is_in_passing(struct worker *worker, DWORD error);

/*
 * Room for a packet in the ring, or NULL: full, or not to be used. What is there has to be sent, and
 * so nothing may fail from here on. For whoever holds `session_lock`; until `tun_send` nobody else
 * gets room.
 */
uint8_t *tun_allocate(struct worker *worker, size_t length);
void tun_send(struct worker *worker, const uint8_t *packet);

#endif
