#include "inbound.h"

#include <stdlib.h>

#include "packet.h"

enum { TYPE_INITIATION = 1, TYPE_RESPONSE = 2, TYPE_COOKIE_REPLY = 3, TYPE_TRANSPORT = 4 };

#define INITIATION_LENGTH 148
#define RESPONSE_LENGTH 92
#define COOKIE_REPLY_LENGTH 64

bool inbound_init(struct inbound *in, struct task *task, struct outbound *replies) {
  memset(in, 0, sizeof *in);
  in->task = task;
  in->replies = replies;
  /* Only the pages that are touched take memory. */
  in->opened = malloc(AEAD_HEADROOM + OPENED_BYTES + AEAD_SLACK);
  struct wg_ts_device *device = task->worker->device;
  coalescer_init(&in->coalescer, atomic_load(&device->joins_tcp), atomic_load(&device->joins_udp),
                 inbound_write, in);
  return in->opened && udp_receiver_init(&in->receiver, &task->worker->udp);
}

void inbound_destroy(struct inbound *in) {
  udp_receiver_destroy(&in->receiver);
  if (in->opened) secure_zero(in->opened, AEAD_HEADROOM + OPENED_BYTES + AEAD_SLACK);
  free(in->opened);
  free(in->cut_memory);
}

static bool is_handshake(uint32_t type, size_t length) {
  return (type == TYPE_INITIATION && length == INITIATION_LENGTH) ||
         (type == TYPE_RESPONSE && length == RESPONSE_LENGTH) ||
         (type == TYPE_COOKIE_REPLY && length == COOKIE_REPLY_LENGTH);
}

static void hand_up(struct inbound *in, const struct wg_ts_endpoint *from, const uint8_t *message,
                    size_t length) {
  if (handshake_ring_push(&in->task->handshakes, from, message, length))
    doorbell_ring(&in->task->worker->device->doorbell);
  else
    count(&in->task->counters.dropped_events, 1);
}

/* Consecutive datagrams of one session, so that what concerns all of them is done once. */
struct run {
  struct keypair *keypair;
  uint64_t bytes;
  uint32_t traffic;
};

static void confirm(struct inbound *in, struct keypair *keypair, uint64_t now) {
  struct peer *peer = keypair->peer;
  struct dropped_keypairs dropped;
  if (!peer_promote(peer, keypair, &dropped)) return;
  device_retire_keypairs(in->task->worker->device, &dropped);
  atomic_store_explicit(&peer->touched.confirmed_index, keypair->local_index, memory_order_relaxed);
  doorbell_touch(peer->doorbell, &peer->touched, TOUCHED_KEY_CONFIRMED);
  if (!atomic_load_explicit(&peer->has_staged, memory_order_acquire)) return;
  outbound_send_staged(in->replies, peer, now);
  outbound_flush(in->replies);
}

/*
 * Follows the peer before the first packet of a run is delivered: another thread may send the answer to
 * that packet while this one is still at work on the run.
 */
static void begin_run(const struct keypair *keypair, const struct udp_received *received,
                      uint64_t now) {
  struct peer *peer = keypair->peer;
  if (UNLIKELY(peer_roam(peer, &received->from, now)))
    doorbell_touch(peer->doorbell, &peer->touched, TOUCHED_ROAMED);
}

static void end_run(const struct run *run, uint64_t now) {
  if (!run->keypair || run->traffic == 0) return;
  struct peer *peer = run->keypair->peer;
  atomic_fetch_add_explicit(&peer->rx_bytes, run->bytes, memory_order_relaxed);
  atomic_store_explicit(&peer->touched.received_at, now, memory_order_relaxed);
  doorbell_touch(peer->doorbell, &peer->touched, run->traffic);
}

/* Returns room for the plaintext of one datagram. When it is used up, earlier packets are flushed. */
static uint8_t *room(struct inbound *in, size_t length) {
  if (in->used + AEAD_HEADROOM + length > OPENED_BYTES) {
    coalescer_flush(&in->coalescer);
    in->used = 0;
  }
  return in->opened + in->used + AEAD_HEADROOM;
}

/* Cryptokey routing (section 2): the inner source must be in the peer's AllowedIPs. */
static bool is_allowed(const struct wg_ts_device *device, const struct peer *peer,
                       const uint8_t *packet, unsigned family) {
  return peer == (family == 4 ? allowedips_lookup4(device->routes, packet + 12)
                              : allowedips_lookup6(device->routes, packet + 8));
}

static void deliver(struct inbound *in, const struct peer *peer, uint8_t *packet, size_t length,
                    uint8_t traffic_class) {
  const unsigned family = packet_family(packet, length);
  const size_t told = family ? packet_length(packet, family, length) : 0;
  if (told == 0 || !is_allowed(in->task->worker->device, peer, packet, family)) {
    count(&in->task->counters.dropped_not_allowed, 1);
    return;
  }
  ecn_decapsulate(traffic_class, packet);
  in->used += AEAD_HEADROOM + length;
  coalescer_add(&in->coalescer, packet, told);
}

static void handle_transport(struct inbound *in, struct run *run,
                             const struct udp_received *received, uint8_t *datagram, size_t length,
                             uint64_t now) {
  struct wg_ts_device *device = in->task->worker->device;
  const uint32_t index = load_le32(datagram + 4);
  if (!run->keypair || run->keypair->local_index != index) {
    end_run(run, now);
    *run = (struct run){.keypair = index_table_find(&device->indices, index)};
  }
  struct keypair *keypair = run->keypair;
  if (!keypair || keypair_is_expired(keypair, now)) {
    count(&in->task->counters.dropped_unauthentic, 1);
    return;
  }
  const uint64_t counter = load_le64(datagram + 8);
  const size_t packet_length = length - TRANSPORT_OVERHEAD;
  if (!replay_is_fresh(&keypair->replay, counter)) {
    count(&in->task->counters.dropped_replayed, 1);
    return;
  }
  uint8_t *packet = room(in, packet_length);
  if (!aead_open(&in->task->aead, &keypair->receive_key, counter, datagram + TRANSPORT_HEADER,
                 packet_length, packet)) {
    count(&in->task->counters.dropped_unauthentic, 1);
    return;
  }
  /* The window moves only for authentic messages. */
  if (!keypair_accept(keypair, counter)) {
    count(&in->task->counters.dropped_replayed, 1);
    return;
  }
  if (run->traffic == 0) begin_run(keypair, received, now);
  run->bytes += length;
  run->traffic |=
      packet_length > 0 ? WG_TS_TRAFFIC_DATA_RECEIVED : WG_TS_TRAFFIC_KEEPALIVE_RECEIVED;
  if (peer_is_confirmed_by(keypair->peer, keypair)) confirm(in, keypair, now);
  if (packet_length > 0)
    deliver(in, keypair->peer, packet, packet_length, received->traffic_class);
}

void inbound_handle(struct inbound *in, const struct udp_received *received, uint64_t now) {
  const size_t step = received->segment_size;
  struct run run = {0};
  for (size_t at = 0; at < received->length && step > 0; at += step) {
    uint8_t *datagram = received->bytes + at;
    const size_t left = received->length - at;
    const size_t length = left < step ? left : step;
    count(&in->task->counters.udp_datagrams_received, 1);
    if (length < 4) continue;
    const uint32_t type = load_le32(datagram);
    if (LIKELY(type == TYPE_TRANSPORT && length >= TRANSPORT_OVERHEAD))
      handle_transport(in, &run, received, datagram, length, now);
    else if (is_handshake(type, length))
      hand_up(in, &received->from, datagram, length);
  }
  end_run(&run, now);
}

bool inbound_serve(struct inbound *in, int fd, uint64_t now) {
  const size_t filled = udp_receive(&in->receiver, fd);
  if (filled == 0) return false;
  count(&in->task->counters.udp_receives, 1);
  in->used = 0;
  for (size_t i = 0; i < filled; i++) inbound_handle(in, &in->receiver.received[i], now);
  coalescer_flush(&in->coalescer);
  return true;
}
