/* From the TUN queue: read, routed, cut, sealed or staged. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "outbound_inner.h"
#include "packet.h"

/* A packet of 64 KiB, the greatest that a kernel hands over, and what has to be around it. */
#define PACKET_OFFSET 128
#define PACKET_CAPACITY 68000
/* Reads until somebody else gets a turn, and sealed bytes until they leave. */
#define READS 64
#define FLUSH_AT 60000

_Static_assert(PACKET_OFFSET >= AEAD_HEADROOM + VNET_HEADER_SIZE, "room for what comes before");

bool outbound_init_tun(struct outbound *out) {
  out->packet_memory = malloc(PACKET_OFFSET + PACKET_CAPACITY + AEAD_SLACK);
  return out->packet_memory != NULL;
}

void outbound_destroy_tun(struct outbound *out) { free(out->packet_memory); }

static void answer_unreachable(struct outbound *out, const uint8_t *packet, size_t length,
                               uint64_t now) {
  uint8_t reply[VNET_HEADER_SIZE + ICMP_MAX_REPLY] = {0};
  struct wg_ts_device *device = out->task->worker->device;
  size_t size =
      icmp_unreachable(&device->icmp, now, packet, length, reply + VNET_HEADER_SIZE);
  if (size == 0) return;
  const size_t skipped = device->vnet_header ? 0 : VNET_HEADER_SIZE;
  ssize_t written =
      write(out->task->worker->tun, reply + skipped, VNET_HEADER_SIZE + size - skipped);
  (void)written;
}

static struct peer *route(const struct wg_ts_device *device, const uint8_t *packet,
                          unsigned family) {
  return family == 4 ? allowedips_lookup4(device->routes, packet + 16)
                     : allowedips_lookup6(device->routes, packet + 24);
}

/* One packet, or a large one of the system's to be cut into many. */
static void handle_packet(struct outbound *out, const struct vnet_header *vnet, uint8_t *packet,
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
  /* What waited for the key goes first. */
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

bool outbound_serve(struct outbound *out, uint64_t now) {
  const bool has_vnet = out->task->worker->device->vnet_header;
  const size_t before = has_vnet ? VNET_HEADER_SIZE : 0;
  uint8_t *packet = out->packet_memory + PACKET_OFFSET;
  struct vnet_header vnet = {0};
  int reads = 0;
  for (; reads < READS; reads++) {
    ssize_t length = read(out->task->worker->tun, packet - before, PACKET_CAPACITY + before);
    if (length <= 0) {
      if (length < 0 && errno == EINTR) continue;
      if (length == 0 || errno != EAGAIN)
        device_tun_failed(out->task->worker->device, length == 0 ? EBADFD : errno);
      break;
    }
    count(&out->task->counters.tun_reads, 1);
    if ((size_t)length <= before) continue;
    if (has_vnet) memcpy(&vnet, packet - before, VNET_HEADER_SIZE);
    handle_packet(out, &vnet, packet, (size_t)length - before, now);
    if (out->used >= FLUSH_AT) outbound_flush(out);
  }
  outbound_flush(out);
  return reads > 0;
}
