/* Reports to the control plane: events, statistics, and the layout of the structs. */
#include <stddef.h>

#include "device.h"

#define MAX_EVENTS_OF_PEER 4

uint32_t wg_ts_abi_version(void) { return WG_TS_ABI_VERSION; }

const char *wg_ts_select_crypto(uint32_t without) {
  return aead_name(aead_select(!(without & WG_TS_WITHOUT_DIRECT_CRYPTO)));
}

int32_t wg_ts_doorbell(struct wg_ts_device *device) {
  return bell_descriptor(&device->doorbell.bell);
}

static uint32_t traffic_of(struct touched *touched, uint32_t bits) {
  const uint64_t sent = atomic_load_explicit(&touched->sent_at, memory_order_relaxed);
  const uint64_t received = atomic_load_explicit(&touched->received_at, memory_order_relaxed);
  return (bits & TOUCHED_TRAFFIC_MASK) | (received > sent ? WG_TS_TRAFFIC_RECEIVED_LAST : 0);
}

/* Reports the events in a sensible order: a key is confirmed before it carries traffic. */
static uint32_t report_peer(struct peer *peer, uint32_t bits, struct wg_ts_event *events) {
  uint32_t n = 0;
  const struct wg_ts_event none = {.peer = peer->id};
  if (bits & TOUCHED_ROAMED) {
    events[n] = none;
    events[n].type = WG_TS_EVENT_ROAMED;
    endpoint_read(&peer->endpoint, &events[n++].endpoint);
  }
  if (bits & TOUCHED_KEY_CONFIRMED) {
    events[n] = none;
    events[n].type = WG_TS_EVENT_KEY_CONFIRMED;
    events[n++].value = atomic_load_explicit(&peer->touched.confirmed_index, memory_order_relaxed);
  }
  if (bits & TOUCHED_TRAFFIC_MASK) {
    events[n] = none;
    events[n].type = WG_TS_EVENT_TRAFFIC;
    events[n++].value = traffic_of(&peer->touched, bits);
  }
  if (bits & TOUCHED_NEEDS_HANDSHAKE) {
    events[n] = none;
    events[n++].type = WG_TS_EVENT_NEEDS_HANDSHAKE;
  }
  return n;
}

static struct touched *take_touched(struct doorbell *doorbell) {
  return atomic_exchange_explicit(&doorbell->touched, NULL, memory_order_acquire);
}

/* Puts what did not fit back into the list; nothing is lost, and nothing is listed twice. */
static void relist(struct doorbell *doorbell, struct touched *rest) {
  while (rest) {
    struct touched *next = atomic_load_explicit(&rest->next, memory_order_relaxed);
    struct touched *first = atomic_load_explicit(&doorbell->touched, memory_order_relaxed);
    do
      atomic_store_explicit(&rest->next, first, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&doorbell->touched, &first, rest,
                                                  memory_order_release, memory_order_relaxed));
    rest = next;
  }
}

static uint32_t drain_peers(struct doorbell *doorbell, struct wg_ts_event *events,
                            uint32_t capacity) {
  uint32_t n = 0;
  struct touched *touched = take_touched(doorbell);
  while (touched && n + MAX_EVENTS_OF_PEER <= capacity) {
    struct peer *peer = (struct peer *)((uint8_t *)touched - offsetof(struct peer, touched));
    struct touched *next = atomic_load_explicit(&touched->next, memory_order_relaxed);
    /* A removed peer may be freed as soon as it is no longer listed. */
    const bool is_removed = atomic_load(&peer->is_removed);
    if (!is_removed) {
      atomic_exchange_explicit(&touched->is_listed, false, memory_order_acq_rel);
      uint32_t bits = atomic_exchange_explicit(&touched->bits, 0, memory_order_acq_rel);
      n += report_peer(peer, bits, events + n);
    } else {
      atomic_store_explicit(&touched->is_listed, false, memory_order_release);
    }
    touched = next;
  }
  relist(doorbell, touched);
  return touched ? capacity : n;
}

uint32_t wg_ts_drain(struct wg_ts_device *device, struct wg_ts_event *events, uint32_t capacity) {
  doorbell_quiet(&device->doorbell);
  memset(events, 0, capacity * sizeof *events);
  const int tun_error = atomic_load(&device->doorbell.tun_error);
  uint32_t n = 0;
  if (tun_error > 0 && capacity > 0) {
    events[n].value = (uint32_t)tun_error;
    events[n++].type = WG_TS_EVENT_TUN_FAILED;
    /* Reported once; threads still see that the device is gone. */
    atomic_store(&device->doorbell.tun_error, -tun_error);
  }
  if (n < capacity && atomic_exchange(&device->doorbell.is_tun_corrupt, false))
    events[n++].type = WG_TS_EVENT_TUN_CORRUPT;
  n += drain_peers(&device->doorbell, events + n, capacity - n);
  for (uint32_t i = 0; i < device->task_count; i++)
    while (n < capacity && handshake_ring_pop(&device->tasks[i]->handshakes, &events[n])) n++;
  epoch_reclaim_if_any(&device->epoch);
  return n;
}

uint32_t wg_ts_rearm(struct wg_ts_device *device) {
  atomic_store(&device->doorbell.is_armed_for_traffic, true);
  atomic_thread_fence(memory_order_seq_cst);
  return atomic_load(&device->doorbell.touched) != NULL;
}

static void add_counters(const struct counters *from, struct wg_ts_statistics *to) {
  to->tun_reads += atomic_load(&from->tun_reads);
  to->tun_packets += atomic_load(&from->tun_packets);
  to->tun_writes += atomic_load(&from->tun_writes);
  to->tun_write_errors += atomic_load(&from->tun_write_errors);
  to->udp_datagrams_received += atomic_load(&from->udp_datagrams_received);
  to->udp_receives += atomic_load(&from->udp_receives);
  to->dropped_unauthentic += atomic_load(&from->dropped_unauthentic);
  to->dropped_replayed += atomic_load(&from->dropped_replayed);
  to->dropped_not_allowed += atomic_load(&from->dropped_not_allowed);
  to->dropped_events += atomic_load(&from->dropped_events);
  to->sleeps += atomic_load(&from->sleeps);
}

void wg_ts_read_statistics(struct wg_ts_device *device, struct wg_ts_statistics *out) {
  *out = (struct wg_ts_statistics){0};
  for (uint32_t i = 0; i < device->task_count; i++)
    add_counters(&device->tasks[i]->counters, out);
  for (uint32_t i = 0; i < device->worker_count; i++) {
    struct udp_sockets *udp = &device->workers[i].udp;
    out->udp_datagrams_sent += atomic_load(&udp->datagrams);
    out->udp_sends += atomic_load(&udp->sends);
    out->udp_send_errors += atomic_load(&udp->errors);
    const int error = atomic_load(&udp->last_error);
    if (error) out->last_send_error = (uint64_t)error;
  }
  out->allowed_ips_memory = allowedips_memory(device->routes);
}

#define FIELD(type, member) (uint32_t) offsetof(struct type, member)

uint32_t wg_ts_layout(uint32_t *out, uint32_t capacity) {
  static const uint32_t layout[] = {
      sizeof(struct wg_ts_endpoint),
      FIELD(wg_ts_endpoint, family),
      FIELD(wg_ts_endpoint, port),
      FIELD(wg_ts_endpoint, scope),
      FIELD(wg_ts_endpoint, address),
      FIELD(wg_ts_endpoint, source),
      FIELD(wg_ts_endpoint, interface_index),
      sizeof(struct wg_ts_options),
      FIELD(wg_ts_options, workers),
      FIELD(wg_ts_options, mtu),
      FIELD(wg_ts_options, without),
      FIELD(wg_ts_options, vnet_header),
      FIELD(wg_ts_options, spin_us),
      FIELD(wg_ts_options, threads_per_worker),
      FIELD(wg_ts_options, tun),
      FIELD(wg_ts_options, udp4),
      FIELD(wg_ts_options, udp6),
      FIELD(wg_ts_options, wintun_module),
      FIELD(wg_ts_options, wintun_session),
      FIELD(wg_ts_options, doorbell),
      sizeof(struct wg_ts_event),
      FIELD(wg_ts_event, type),
      FIELD(wg_ts_event, peer),
      FIELD(wg_ts_event, value),
      FIELD(wg_ts_event, length),
      FIELD(wg_ts_event, endpoint),
      FIELD(wg_ts_event, message),
      sizeof(struct wg_ts_prefix),
      FIELD(wg_ts_prefix, address),
      FIELD(wg_ts_prefix, family),
      FIELD(wg_ts_prefix, length),
      FIELD(wg_ts_prefix, remove),
      sizeof(struct wg_ts_keypair),
      FIELD(wg_ts_keypair, send_key),
      FIELD(wg_ts_keypair, receive_key),
      FIELD(wg_ts_keypair, local_index),
      FIELD(wg_ts_keypair, remote_index),
      FIELD(wg_ts_keypair, is_initiator),
      FIELD(wg_ts_keypair, send_counter),
      FIELD(wg_ts_keypair, age),
      sizeof(struct wg_ts_statistics),
  };
  const uint32_t n = sizeof layout / sizeof *layout;
  for (uint32_t i = 0; i < n && i < capacity; i++) out[i] = layout[i];
  return n;
}
