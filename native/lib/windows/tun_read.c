/* Reads the ring of packets that the system sends into the adapter; they are sealed directly from it. */
#include "outbound_inner.h"
#include "segment.h"
#include "tun.h"

/* Packets before other work gets a turn. */
#define READS 64

bool outbound_init_tun(struct outbound *out) {
  (void)out;
  return true;
}

void outbound_destroy_tun(struct outbound *out) { (void)out; }

/* Returns false when no packet waits, or the ring is not usable. */
static bool serve_one(struct outbound *out, WINTUN_SESSION_HANDLE session, uint64_t now) {
  static const struct vnet_header none;
  struct worker *worker = out->task->worker;
  const struct wintun_functions *wintun = &worker->tun.wintun;
  DWORD length = 0;
  uint8_t *packet = wintun->receive_packet(session, &length);
  if (!packet) {
    tun_is_in_passing(worker, GetLastError());
    return false;
  }
  count(&out->task->counters.tun_reads, 1);
  outbound_handle_packet(out, &none, packet, length, now);
  wintun->release_receive_packet(session, packet);
  return true;
}

bool outbound_serve(struct outbound *out, uint64_t now) {
  struct tun *tun = &out->task->worker->tun;
  int reads = 0;
  AcquireSRWLockShared(&tun->session_lock);
  const WINTUN_SESSION_HANDLE session = tun_session(tun);
  for (; session && reads < READS && serve_one(out, session, now); reads++)
    if (out->used >= OUTBOUND_FLUSH_AT) outbound_flush(out);
  outbound_flush(out);
  ReleaseSRWLockShared(&tun->session_lock);
  return reads > 0;
}
