/*
 * Fuzzes both directions through a device: from a datagram of a socket to the packets that are written,
 * and from a vnet header and packet of a TUN queue to the datagrams. Without a cipher, so that the code
 * after it is reached.
 *
 * Sources: *
 * Flags: -DWG_TS_NULL_CIPHER
 */
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "inbound.h"
#include "outbound.h"

#define PEER 1
#define LOCAL_INDEX 0x01020304

static struct wg_ts_device *device;
static int system_end;

static const struct wg_ts_prefix ALLOWED[] = {
    {.address = {10, 0, 0, 2}, .family = 4, .length = 32},
    {.address = {0xfd}, .family = 6, .length = 8},
};

static void open_device(void) {
  int32_t error = 0;
  int pair[2];
  struct wg_ts_options options = {.workers = 1, .mtu = 1420, .vnet_header = 1, .threads_per_worker = 1};
  struct wg_ts_endpoint endpoint = {.family = 4, .port = 9, .address = {127, 0, 0, 1}};
  CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) == 0);
  system_end = pair[1];
  options.tun[0] = pair[0];
  options.udp4[0] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  options.udp6[0] = -1;
  device = wg_ts_open(&options, &error);
  CHECK(device != NULL && error == 0);
  CHECK(wg_ts_set_peer(device, PEER, &endpoint) == 0);
  CHECK(wg_ts_set_allowed_ips(device, PEER, 1, ALLOWED, 2) == 0);
}

/* Installs a fresh keypair, so that each input meets the same state. */
static void install_keypair(void) {
  struct wg_ts_keypair keypair = {.local_index = LOCAL_INDEX, .is_initiator = 1};
  wg_ts_drop_keypairs(device, PEER);
  wg_ts_drop_staged(device, PEER);
  CHECK(wg_ts_install_keypair(device, PEER, &keypair) == 0);
}

/* Checks that only whole packets from the peer's AllowedIPs reach the system. */
static void check_written(void) {
  static uint8_t memory[VNET_HEADER_SIZE + 65536];
  for (ssize_t length; (length = read(system_end, memory, sizeof memory)) > 0;) {
    const uint8_t *packet = memory + VNET_HEADER_SIZE;
    const size_t size = (size_t)length - VNET_HEADER_SIZE;
    const unsigned family = packet_family(packet, size);
    CHECK((size_t)length > VNET_HEADER_SIZE && family != 0);
    CHECK(packet_length(packet, family, size) == size);
    if (family == 4)
      CHECK(load_be32(packet + 12) == 0x0a000002);
    else
      CHECK(packet[8] == 0xfd);
  }
}

/* The first two bytes are the size of the datagrams in the buffer. */
static void come_in(const uint8_t *data, size_t size, uint64_t now) {
  struct inbound *in = device->tasks[0]->inbound;
  struct udp_received *received = &in->receiver.received[0];
  if (size < 2 || size > UDP_BUFFER_BYTES) return;
  memset(&received->from, 0, sizeof received->from);
  received->from = (struct wg_ts_endpoint){.family = 4, .port = 9, .address = {127, 0, 0, 1}};
  received->segment_size = load_be16(data);
  received->traffic_class = received->segment_size & ECN_MASK;
  received->length = size - 2;
  memcpy(received->bytes, data + 2, size - 2);
  in->used = 0;
  inbound_handle(in, received, now);
  coalescer_flush(&in->coalescer);
  check_written();
}

static void go_out(const uint8_t *data, size_t size, uint64_t now) {
  if (size == 0 || write(system_end, data, size) < 0) return;
  outbound_serve(device->tasks[0]->outbound, now);
  /* Discards ICMP replies to packets that belong to no peer, which may have any source. */
  static uint8_t memory[VNET_HEADER_SIZE + ICMP_MAX_REPLY];
  while (read(system_end, memory, sizeof memory) > 0) continue;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct wg_ts_event events[16];
  if (!device) open_device();
  if (size == 0) return 0;
  install_keypair();
  const uint64_t now = device_now();
  if (data[0] & 1)
    come_in(data + 1, size - 1, now);
  else
    go_out(data + 1, size - 1, now);
  while (wg_ts_drain(device, events, 16) > 0) continue;
  return 0;
}
