/* Writes to the TUN queue: as one packet where the system accepts that, otherwise cut again. */
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "inbound.h"

#define CUT_OFFSET 128
#define CUT_CAPACITY (CUT_OFFSET + 65536)

/* Returns false, with errno, when the system did not take all of it. */
static bool write_parts(struct inbound *in, const struct iovec *parts, int part_count,
                        size_t length) {
  const bool has_vnet = in->task->worker->device->vnet_header;
  const int skipped = has_vnet ? 0 : 1;
  const size_t total = length + (has_vnet ? VNET_HEADER_SIZE : 0);
  ssize_t written;
  do
    written = writev(in->task->worker->tun.fd, parts + skipped, part_count - skipped);
  while (written < 0 && errno == EINTR);
  if (written == (ssize_t)total) return true;
  if (written >= 0) errno = EMSGSIZE;
  return false;
}

static void failed(struct inbound *in, int error) {
  count(&in->task->counters.tun_write_errors, 1);
  if (error == EBADFD || error == ENODEV) device_tun_failed(in->task->worker->device, error);
}

/* To be called when the system does not accept joined packets of this kind after all. */
static void stop_joining(struct inbound *in, uint8_t gso_type) {
  struct wg_ts_device *device = in->task->worker->device;
  const bool is_udp = gso_type == VNET_GSO_UDP_L4;
  atomic_store_explicit(is_udp ? &device->joins_udp : &device->joins_tcp, false,
                        memory_order_relaxed);
  if (is_udp)
    in->coalescer.udp = false;
  else
    in->coalescer.tcp = false;
}

static void write_cut(struct inbound *in, const struct iovec *parts, int part_count,
                      size_t length) {
  struct vnet_header vnet, none = {0};
  struct segments segments;
  uint8_t *segment;
  if (!in->cut_memory && !(in->cut_memory = malloc(CUT_CAPACITY + AEAD_SLACK))) return;
  uint8_t *packet = in->cut_memory + CUT_OFFSET;
  memcpy(&vnet, parts[0].iov_base, VNET_HEADER_SIZE);
  for (int i = 1; i < part_count; i++) {
    memcpy(packet, parts[i].iov_base, parts[i].iov_len);
    packet += parts[i].iov_len;
  }
  if (!segments_begin(&segments, &vnet, in->cut_memory + CUT_OFFSET, length)) return;
  for (size_t size; (size = segments_next(&segments, &segment)) > 0;) {
    const struct iovec one[] = {{&none, VNET_HEADER_SIZE}, {segment, size}};
    count(&in->task->counters.tun_writes, 1);
    if (!write_parts(in, one, 2, size)) failed(in, errno);
  }
}

void inbound_write(void *context, const struct iovec *parts, int part_count, size_t length,
                   uint32_t packet_count) {
  struct inbound *in = context;
  struct vnet_header vnet;
  count(&in->task->counters.tun_writes, 1);
  if (LIKELY(write_parts(in, parts, part_count, length))) return;
  if (errno != EINVAL || packet_count == 1) {
    failed(in, errno);
    return;
  }
  memcpy(&vnet, parts[0].iov_base, VNET_HEADER_SIZE);
  stop_joining(in, vnet.gso_type);
  write_cut(in, parts, part_count, length);
}
