/* Reads the queue of a TUN device packet by packet. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "outbound_inner.h"
#include "packet.h"
#include "segment.h"

/* Room for a packet of 64 KiB, the largest that a kernel returns, and for what must be around it. */
#define PACKET_OFFSET 128
#define PACKET_CAPACITY 68000
/* Reads before other work gets a turn. */
#define READS 64

_Static_assert(PACKET_OFFSET >= AEAD_HEADROOM + VNET_HEADER_SIZE, "room for what comes before");

bool outbound_init_tun(struct outbound *out) {
  out->packet_memory = malloc(PACKET_OFFSET + PACKET_CAPACITY + AEAD_SLACK);
  return out->packet_memory != NULL;
}

void outbound_destroy_tun(struct outbound *out) { free(out->packet_memory); }

bool outbound_serve(struct outbound *out, uint64_t now) {
  const bool has_vnet = out->task->worker->device->vnet_header;
  const size_t before = has_vnet ? VNET_HEADER_SIZE : 0;
  uint8_t *packet = out->packet_memory + PACKET_OFFSET;
  struct vnet_header vnet = {0};
  int reads = 0;
  for (; reads < READS; reads++) {
    ssize_t length = read(out->task->worker->tun.fd, packet - before, PACKET_CAPACITY + before);
    if (length <= 0) {
      if (length < 0 && errno == EINTR) continue;
      if (length == 0 || errno != EAGAIN)
        device_tun_failed(out->task->worker->device, length == 0 ? EBADFD : errno);
      break;
    }
    count(&out->task->counters.tun_reads, 1);
    if ((size_t)length <= before) continue;
    if (has_vnet) memcpy(&vnet, packet - before, VNET_HEADER_SIZE);
    outbound_handle_packet(out, &vnet, packet, (size_t)length - before, now);
    if (out->used >= OUTBOUND_FLUSH_AT) outbound_flush(out);
  }
  outbound_flush(out);
  return reads > 0;
}
