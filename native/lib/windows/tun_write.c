/* Writes to the ring of packets from the adapter; those that the coalescer has joined, as one packet. */
#include "checksum.h"
#include "inbound.h"
#include "segment.h"
#include "tun.h"

/*
 * Nothing in Windows would finish a checksum later. This sums the bytes in the ring, which the copy has
 * just left in the cache: cheaper than summing the parts, where each of odd length shifts those after it.
 */
static void finish_checksum(const struct vnet_header *vnet, uint8_t *packet, size_t length) {
  if (!(vnet->flags & VNET_NEEDS_CSUM)) return;
  uint8_t *transport = packet + vnet->csum_start;
  const uint64_t sum = checksum_add(0, transport, length - vnet->csum_start);
  store_be16(transport + vnet->csum_offset, (uint16_t)~checksum_fold(sum));
}

/*
 * Copies packets that were opened elsewhere. Decrypting into the ring would avoid the copy, but what has
 * been allocated there must be sent: so nothing may be there before its tag was checked, and its length is
 * known only when the last packet to join it has arrived.
 */
static bool write_packet(struct worker *worker, const struct iovec *parts, int part_count,
                         size_t length) {
  struct vnet_header vnet;
  uint8_t *packet = tun_allocate(worker, length);
  if (!packet) return false;
  uint8_t *end = packet;
  for (int i = 1; i < part_count; i++) {
    memcpy(end, parts[i].iov_base, parts[i].iov_len);
    end += parts[i].iov_len;
  }
  memcpy(&vnet, parts[0].iov_base, VNET_HEADER_SIZE);
  finish_checksum(&vnet, packet, length);
  tun_send(worker, packet);
  return true;
}

void inbound_write(void *context, const struct iovec *parts, int part_count, size_t length,
                   uint32_t packet_count) {
  struct inbound *in = context;
  struct tun *tun = &in->task->worker->tun;
  (void)packet_count;
  AcquireSRWLockShared(&tun->session_lock);
  const bool is_written = write_packet(in->task->worker, parts, part_count, length);
  ReleaseSRWLockShared(&tun->session_lock);
  count(&in->task->counters.tun_writes, 1);
  if (!is_written) count(&in->task->counters.tun_write_errors, 1);
}
