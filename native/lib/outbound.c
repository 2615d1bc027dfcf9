#include "outbound.h"

#include <stdlib.h>

#include "outbound_inner.h"
#include "packet.h"

#define PADDING 16
#define CAPACITY ((size_t)2 * 65536 + 4096)

bool outbound_init(struct outbound *out, struct task *task, bool reads_tun) {
  memset(out, 0, sizeof *out);
  out->task = task;
  /* Only the pages that are touched take memory. */
  out->memory = malloc(AEAD_HEADROOM + CAPACITY + AEAD_SLACK);
  if (!out->memory) return false;
  memset(out->memory, 0, AEAD_HEADROOM);
  out->datagrams = out->memory + AEAD_HEADROOM;
  out->reads_tun = reads_tun;
  return !reads_tun || outbound_init_tun(out);
}

void outbound_destroy(struct outbound *out) {
  free(out->memory);
  outbound_destroy_tun(out);
}

void outbound_flush(struct outbound *out) {
  if (out->message_count > 0)
    udp_send(&out->task->worker->udp, &out->headers, out->messages, out->message_count);
  out->message_count = 0;
  out->used = 0;
}

/* Returns whether a datagram of `size` bytes may be the next one of the run. */
static bool continues(const struct outbound *out, const struct udp_message *run,
                      const struct wg_ts_endpoint *to, size_t size, uint8_t traffic_class) {
  return !run->is_closed && size <= run->segment_size && run->count < UDP_MAX_SEGMENTS &&
         run->length + size <= UDP_MAX_RUN && run->traffic_class == traffic_class &&
         endpoint_is_equal(&run->to, to) &&
         atomic_load_explicit(&out->task->worker->udp.joins, memory_order_relaxed);
}

/* Returns room for `size` bytes at the end of the run that they belong to. */
static uint8_t *place(struct outbound *out, const struct wg_ts_endpoint *to, struct peer *peer,
                      size_t size, uint8_t traffic_class) {
  if (out->used + size > CAPACITY) outbound_flush(out);
  struct udp_message *run = out->message_count ? &out->messages[out->message_count - 1] : NULL;
  if (!run || !continues(out, run, to, size, traffic_class)) {
    if (out->message_count == UDP_MESSAGES) outbound_flush(out);
    run = &out->messages[out->message_count++];
    *run = (struct udp_message){
        .to = *to,
        .peer = peer,
        .bytes = out->datagrams + out->used,
        .segment_size = size,
        .traffic_class = traffic_class,
    };
  }
  uint8_t *bytes = out->datagrams + out->used;
  run->length += size;
  run->count++;
  if (size < run->segment_size) run->is_closed = true;
  out->used += size;
  return bytes;
}

/* Pads to a multiple of 16, but not beyond the MTU (section 5.4.6 and the kernel's practice). */
static size_t padding_of(size_t length, size_t mtu) {
  const size_t padding = -length & (PADDING - 1);
  if (length > mtu || length + padding <= mtu) return padding;
  return mtu - length;
}

size_t outbound_seal(struct outbound *out, struct peer *peer, const struct wg_ts_endpoint *to,
                     const struct keypair *keypair, uint64_t counter, uint8_t *packet,
                     size_t length) {
  const size_t mtu =
      atomic_load_explicit(&out->task->worker->device->mtu, memory_order_relaxed);
  const size_t padding = padding_of(length, mtu);
  const size_t size = length + padding + TRANSPORT_OVERHEAD;
  const uint8_t ecn = length > 0 ? ecn_encapsulate(packet) : 0;
  uint8_t *datagram = place(out, to, peer, size, ecn);
  store_le32(datagram, 4);
  store_le32(datagram + 4, keypair->remote_index);
  store_le64(datagram + 8, counter);
  aead_seal(&out->task->aead, &keypair->send_key, counter, packet, length, padding,
            datagram + TRANSPORT_HEADER);
  return size;
}

struct keypair *outbound_keypair(struct peer *peer, uint64_t now) {
  struct keypair *keypair = atomic_load_explicit(&peer->current, memory_order_acquire);
  return keypair && !keypair_is_expired(keypair, now) ? keypair : NULL;
}

void outbound_sent(struct peer *peer, uint64_t bytes, uint64_t last_counter, uint32_t traffic,
                   uint64_t now) {
  atomic_fetch_add_explicit(&peer->tx_bytes, bytes, memory_order_relaxed);
  atomic_store_explicit(&peer->touched.sent_at, now, memory_order_relaxed);
  if (UNLIKELY(last_counter >= REKEY_AFTER_MESSAGES)) traffic |= TOUCHED_NEEDS_HANDSHAKE;
  doorbell_touch(peer->doorbell, &peer->touched, traffic);
}

void outbound_send_staged(struct outbound *out, struct peer *peer, uint64_t now) {
  struct wg_ts_endpoint to;
  if (!endpoint_read(&peer->endpoint, &to)) return;
  struct keypair *keypair = outbound_keypair(peer, now);
  struct staged_packet *packets = keypair ? peer_take_staged(peer) : NULL;
  uint64_t bytes = 0, counter = 0;
  while (packets && keypair_take_counters(keypair, 1, &counter) == 1) {
    struct staged_packet *packet = packets;
    packets = packet->next;
    bytes += outbound_seal(out, peer, &to, keypair, counter, staged_bytes(packet), packet->length);
    packet->next = NULL;
    staged_free(packet);
  }
  if (bytes > 0) outbound_sent(peer, bytes, counter, WG_TS_TRAFFIC_DATA_SENT, now);
  if (packets) peer_restage(peer, packets);
  if (packets || !keypair) doorbell_touch(peer->doorbell, &peer->touched, TOUCHED_NEEDS_HANDSHAKE);
}

void outbound_send_keepalive(struct outbound *out, struct peer *peer, uint64_t now) {
  uint8_t memory[AEAD_HEADROOM + AEAD_SLACK] = {0};
  struct wg_ts_endpoint to;
  uint64_t counter = 0;
  if (!endpoint_read(&peer->endpoint, &to)) return;
  if (atomic_load_explicit(&peer->has_staged, memory_order_acquire)) {
    outbound_send_staged(out, peer, now);
    return;
  }
  struct keypair *keypair = outbound_keypair(peer, now);
  if (!keypair || keypair_take_counters(keypair, 1, &counter) == 0) {
    doorbell_touch(peer->doorbell, &peer->touched, TOUCHED_NEEDS_HANDSHAKE);
    return;
  }
  size_t bytes = outbound_seal(out, peer, &to, keypair, counter, memory + AEAD_HEADROOM, 0);
  outbound_sent(peer, bytes, counter, WG_TS_TRAFFIC_KEEPALIVE_SENT, now);
}

void outbound_send_message(struct outbound *out, const struct wg_ts_endpoint *to, struct peer *peer,
                           const uint8_t *message, size_t length) {
  memcpy(place(out, to, peer, length, HANDSHAKE_TRAFFIC_CLASS), message, length);
  if (peer) atomic_fetch_add_explicit(&peer->tx_bytes, length, memory_order_relaxed);
}
