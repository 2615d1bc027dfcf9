/* Routes, cuts, seals or stages a packet of the TUN queue. */
#include "outbound_inner.h"
#include "packet.h"

static void answer_unreachable(struct outbound *out, const uint8_t *packet, size_t length,
                               uint64_t now) {
  uint8_t reply[ICMP_MAX_REPLY];
  struct worker *worker = out->task->worker;
  const size_t size = icmp_unreachable(&worker->device->icmp, now, packet, length, reply);
  if (size > 0) tun_answer(worker, reply, size);
}

static struct peer *route(const struct wg_ts_device *device, const uint8_t *packet,
                          unsigned family) {
  return family == 4 ? allowedips_lookup4(device->routes, packet + 16)
                     : allowedips_lookup6(device->routes, packet + 24);
}

void outbound_handle_packet(struct outbound *out, const struct vnet_header *vnet, uint8_t *packet,
                            size_t length, uint64_t now) {
  const unsigned family = packet_family(packet, length);
  struct wg_ts_endpoint to;
  struct segments segments;
  if (family == 0) return;
  struct peer *peer = route(out->task->worker->device, packet, family);
  if (!peer || !endpoint_read(&peer->endpoint, &to)) {
    answer_unreachable(out, packet, length, now);
    return;
  }
  if (!segments_begin(&segments, vnet, packet, length)) return;
  /* Packets that waited for the key are sent first. */
  if (UNLIKELY(atomic_load_explicit(&peer->has_staged, memory_order_acquire)))
    outbound_send_staged(out, peer, now);
  struct keypair *keypair = outbound_keypair(peer, now);
  uint64_t counter = 0, bytes = 0;
  uint64_t left = keypair ? keypair_take_counters(keypair, segments.count, &counter) : 0;
  bool is_staged = false;
  uint8_t *segment;
  for (size_t size; (size = segments_next(&segments, &segment)) > 0;) {
    count(&out->task->counters.tun_packets, 1);
    if (LIKELY(left > 0)) {
      left--;
      bytes += outbound_seal(out, peer, &to, keypair, counter++, segment, size);
    } else {
      peer_stage(peer, segment, size);
      is_staged = true;
    }
  }
  if (bytes > 0) outbound_sent(peer, bytes, counter - 1, WG_TS_TRAFFIC_DATA_SENT, now);
  if (is_staged) doorbell_touch(peer->doorbell, &peer->touched, TOUCHED_NEEDS_HANDSHAKE);
}
