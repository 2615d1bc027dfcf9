#include "events.h"

bool handshake_ring_push(struct handshake_ring *ring, const struct wg_ts_endpoint *from,
                         const uint8_t *message, size_t length) {
  uint32_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);
  uint32_t read = atomic_load_explicit(&ring->read, memory_order_acquire);
  if (written - read == HANDSHAKE_SLOTS || length > WG_TS_MAX_MESSAGE) return false;
  struct handshake_slot *slot = &ring->slots[written % HANDSHAKE_SLOTS];
  slot->from = *from;
  slot->length = (uint32_t)length;
  memcpy(slot->message, message, length);
  atomic_store_explicit(&ring->written, written + 1, memory_order_release);
  return true;
}

bool handshake_ring_pop(struct handshake_ring *ring, struct wg_ts_event *event) {
  uint32_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);
  if (read == atomic_load_explicit(&ring->written, memory_order_acquire)) return false;
  const struct handshake_slot *slot = &ring->slots[read % HANDSHAKE_SLOTS];
  event->type = WG_TS_EVENT_HANDSHAKE;
  event->length = slot->length;
  event->endpoint = slot->from;
  memcpy(event->message, slot->message, slot->length);
  atomic_store_explicit(&ring->read, read + 1, memory_order_release);
  return true;
}

int doorbell_open(struct doorbell *doorbell, const char *path) {
  memset(doorbell, 0, sizeof *doorbell);
  atomic_init(&doorbell->is_armed_for_traffic, true);
  const int error = bell_open(&doorbell->bell, path);
  doorbell->is_open = error == 0;
  return error;
}

void doorbell_close(struct doorbell *doorbell) {
  if (doorbell->is_open) bell_close(&doorbell->bell);
  doorbell->is_open = false;
}

void doorbell_ring(struct doorbell *doorbell) {
  if (atomic_exchange_explicit(&doorbell->is_rung, true, memory_order_acq_rel)) return;
  bell_ring(&doorbell->bell);
}

void doorbell_quiet(struct doorbell *doorbell) {
  bell_quiet(&doorbell->bell);
  atomic_exchange_explicit(&doorbell->is_rung, false, memory_order_acq_rel);
}

static void list(struct doorbell *doorbell, struct touched *peer) {
  if (atomic_exchange_explicit(&peer->is_listed, true, memory_order_acq_rel)) return;
  struct touched *first = atomic_load_explicit(&doorbell->touched, memory_order_relaxed);
  do {
    atomic_store_explicit(&peer->next, first, memory_order_relaxed);
  } while (!atomic_compare_exchange_weak_explicit(&doorbell->touched, &first, peer,
                                                  memory_order_release, memory_order_relaxed));
}

void doorbell_touch(struct doorbell *doorbell, struct touched *peer, uint32_t bits) {
  uint32_t before = atomic_fetch_or_explicit(&peer->bits, bits, memory_order_acq_rel);
  if ((before & bits) == bits) return;
  list(doorbell, peer);
  const bool is_traffic = (bits & ~(uint32_t)TOUCHED_TRAFFIC_MASK) == 0;
  if (!is_traffic ||
      atomic_exchange_explicit(&doorbell->is_armed_for_traffic, false, memory_order_acq_rel))
    doorbell_ring(doorbell);
}
