/* Shared by the files that handle the adapter's rings. */
#ifndef WG_TS_TUN_H
#define WG_TS_TUN_H

#include "device.h"

/* Returns NULL when there is no usable session. The caller must hold `session_lock`. */
static inline WINTUN_SESSION_HANDLE tun_session(const struct tun *tun) {
  return atomic_load_explicit(&tun->is_corrupt, memory_order_relaxed) ? NULL : tun->session;
}

/* Returns true for a transient `error` of a Wintun function; reports any other to the control plane. */
bool tun_is_in_passing(struct worker *worker, DWORD error);

/*
 * Returns room for a packet in the ring, or NULL when the ring is full or not usable. What is allocated
 * must be sent, so nothing may fail afterwards. The caller must hold `session_lock`; no other thread gets
 * room until `tun_send`.
 */
uint8_t *tun_allocate(struct worker *worker, size_t length);
void tun_send(struct worker *worker, const uint8_t *packet);

#endif
