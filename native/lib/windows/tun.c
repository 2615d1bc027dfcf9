/* The session of a Wintun adapter: adopting it, replacing it, and allocating packets in its ring. */
#include "tun.h"

#include <errno.h>

#include "resolve.h"
#include "threads.h"

/* How often to yield while the ring is full: the driver empties it faster than any timer ticks. */
#define FULL_PATIENCE 16

static bool resolve(struct wintun_functions *wintun, HMODULE module) {
  RESOLVE(wintun->receive_packet, module, "WintunReceivePacket");
  RESOLVE(wintun->release_receive_packet, module, "WintunReleaseReceivePacket");
  RESOLVE(wintun->allocate_send_packet, module, "WintunAllocateSendPacket");
  RESOLVE(wintun->send_packet, module, "WintunSendPacket");
  RESOLVE(wintun->get_read_wait_event, module, "WintunGetReadWaitEvent");
  return wintun->receive_packet && wintun->release_receive_packet &&
         wintun->allocate_send_packet && wintun->send_packet && wintun->get_read_wait_event;
}

static void use_session(struct tun *tun, uint64_t session) {
  tun->session = (WINTUN_SESSION_HANDLE)(uintptr_t)session;
  tun->readable = tun->session ? tun->wintun.get_read_wait_event(tun->session) : NULL;
  atomic_store(&tun->is_corrupt, false);
}

/* Packets of one flow must be read from one ring in order, so there is one worker, with a thread each way. */
int tun_open(struct worker *worker, const struct wg_ts_options *options) {
  struct tun *tun = &worker->tun;
  if (options->workers != 1 || options->vnet_header || !options->wintun_module) return EINVAL;
  if (!resolve(&tun->wintun, (HMODULE)(uintptr_t)options->wintun_module)) return EINVAL;
  InitializeSRWLock(&tun->session_lock);
  mutex_init(&tun->send_lock);
  use_session(tun, options->wintun_session);
  return 0;
}

/* A packet of Wintun may have up to 64 KiB, so Windows accepts joined ones without further ado. */
bool tun_takes_joined(const struct wg_ts_options *options) {
  (void)options;
  return true;
}

int tun_replace_session(struct wg_ts_device *device, uint64_t session) {
  struct tun *tun = &device->workers[0].tun;
  interrupt_raise(&device->interrupt);
  AcquireSRWLockExclusive(&tun->session_lock);
  use_session(tun, session);
  ReleaseSRWLockExclusive(&tun->session_lock);
  interrupt_clear(&device->interrupt);
  return 0;
}

bool tun_is_in_passing(struct worker *worker, DWORD error) {
  if (error == ERROR_NO_MORE_ITEMS || error == ERROR_BUFFER_OVERFLOW) return true;
  if (error == ERROR_INVALID_DATA) {
    if (!atomic_exchange(&worker->tun.is_corrupt, true)) device_tun_corrupt(worker->device);
  } else {
    device_tun_failed(worker->device, (int)error);
  }
  return false;
}

/*
 * Allocates and sends under one lock: packets are sent in the order of allocation, and rings became
 * corrupt when several threads sent at once (Wintun 0.14.1).
 */
uint8_t *tun_allocate(struct worker *worker, size_t length) {
  struct tun *tun = &worker->tun;
  const WINTUN_SESSION_HANDLE session = tun_session(tun);
  if (!session || !device_has_tun(worker->device)) return NULL;
  mutex_lock(&tun->send_lock);
  for (int i = 0; i <= FULL_PATIENCE; i++) {
    uint8_t *room = tun->wintun.allocate_send_packet(session, (DWORD)length);
    if (LIKELY(room)) return room;
    if (!tun_is_in_passing(worker, GetLastError())) break;
    thread_yield();
  }
  mutex_unlock(&tun->send_lock);
  return NULL;
}

void tun_send(struct worker *worker, const uint8_t *packet) {
  struct tun *tun = &worker->tun;
  tun->wintun.send_packet(tun->session, packet);
  mutex_unlock(&tun->send_lock);
}

void tun_answer(struct worker *worker, const uint8_t *packet, size_t length) {
  uint8_t *room = tun_allocate(worker, length);
  if (!room) return;
  memcpy(room, packet, length);
  tun_send(worker, room);
}
