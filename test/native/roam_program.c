/*
 * Hands a datagram from a new address to a device, and looks from within writev(2), so at the moment a
 * packet reaches the system, where an answer would be sent to. Exits with the number of packets for which
 * that is the old address, or 99 when it saw other packets than those it sent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "inbound.h"
#include "packet.h"

#define PEER 1
#define LOCAL_INDEX 0x01020304
#define OLD_PORT 9
#define NEW_PORT 10
#define CHANGES 200
#define PACKETS 3
#define HEADER 20

static struct wg_ts_device *device;
static int written, wrong;
static uint16_t expected_port;

/* In place of libc's. */
ssize_t writev(int fd, const struct iovec *parts, int part_count) {
  struct wg_ts_endpoint endpoint;
  ssize_t length = 0;
  (void)fd;
  for (int i = 0; i < part_count; i++) length += (ssize_t)parts[i].iov_len;
  written++;
  if (!endpoint_read(&device->peers[PEER % PEER_BUCKETS]->endpoint, &endpoint) ||
      endpoint.port != expected_port)
    wrong++;
  return length;
}

static void must(bool is_true, const char *what) {
  if (is_true) return;
  fprintf(stderr, "failed: %s\n", what);
  exit(98);
}

static void open_device(void) {
  int32_t error = 0;
  int pair[2];
  const struct wg_ts_prefix allowed = {.address = {10, 0, 0, 2}, .family = 4, .length = 32};
  const struct wg_ts_keypair keypair = {.local_index = LOCAL_INDEX, .is_initiator = 1};
  const struct wg_ts_endpoint endpoint = {.family = 4, .port = OLD_PORT, .address = {127, 0, 0, 1}};
  struct wg_ts_options options = {.workers = 1, .mtu = 1420, .vnet_header = 1, .threads_per_worker = 1};
  must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) == 0, "socketpair");
  options.tun[0] = pair[0];
  options.udp4[0] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  options.udp6[0] = -1;
  device = wg_ts_open(&options, &error);
  must(device != NULL, "wg_ts_open");
  must(wg_ts_set_peer(device, PEER, &endpoint) == 0, "wg_ts_set_peer");
  must(wg_ts_set_allowed_ips(device, PEER, 1, &allowed, 1) == 0, "wg_ts_set_allowed_ips");
  must(wg_ts_install_keypair(device, PEER, &keypair) == 0, "wg_ts_install_keypair");
}

/* ICMP, which is passed on at once and not kept for joining. The null cipher does not look at the tag. */
static void write_datagram(uint8_t *datagram, uint64_t counter) {
  uint8_t *packet = datagram + TRANSPORT_HEADER;
  memset(datagram, 0, TRANSPORT_OVERHEAD + HEADER);
  store_le32(datagram, 4);
  store_le32(datagram + 4, LOCAL_INDEX);
  store_le64(datagram + 8, counter);
  packet[0] = 0x45;
  packet[3] = HEADER;
  packet[9] = 1;
  packet[12] = 10;
  packet[15] = 2;
}

int main(void) {
  open_device();
  struct inbound *in = device->tasks[0]->inbound;
  struct udp_received *received = &in->receiver.received[0];
  uint64_t counter = 0;
  for (int i = 0; i < CHANGES; i++) {
    expected_port = i % 2 ? OLD_PORT : NEW_PORT;
    received->from =
        (struct wg_ts_endpoint){.family = 4, .port = expected_port, .address = {127, 0, 0, 1}};
    received->segment_size = TRANSPORT_OVERHEAD + HEADER;
    received->length = PACKETS * received->segment_size;
    for (int j = 0; j < PACKETS; j++)
      write_datagram(received->bytes + (size_t)j * received->segment_size, counter++);
    in->used = 0;
    inbound_handle(in, received, device_now());
    coalescer_flush(&in->coalescer);
  }
  const bool saw_all = written == CHANGES * PACKETS;
  wg_ts_close(device);
  fprintf(stderr, "%d packets, %d of them before the peer had roamed\n", written, wrong);
  return !saw_all ? 99 : wrong > 90 ? 90 : wrong;
}
