/*
 * Fuzzes coalesce.h with a program that makes packets: most continue where the previous one ended, with
 * right checksums; some are changed anywhere. Cutting the joined packets must give back those that were
 * added: each once, unchanged, in the order of its flow.
 *
 * Sources: checksum segment segment_headers coalesce coalesce_packet
 */
#include "check.h"
#include "coalesce.h"

#define MAX_PACKETS 256
#define MAX_LENGTH 2048

struct added {
  uint8_t *bytes;
  uint8_t *original;
  size_t length;
  bool is_written;
};

struct run {
  struct added packets[MAX_PACKETS];
  uint32_t count;
};

struct input {
  const uint8_t *data;
  size_t size;
};

static uint8_t take(struct input *in) {
  if (in->size == 0) return 0;
  in->size--;
  return *in->data++;
}

static bool is_v4(const uint8_t *packet) { return packet_version(packet) == 4; }
static size_t ip_header(const uint8_t *packet) { return is_v4(packet) ? IPV4_HEADER : IPV6_HEADER; }
static uint8_t protocol_of(const uint8_t *packet) {
  return packet[is_v4(packet) ? IPV4_PROTOCOL : IPV6_NEXT_HEADER];
}

/* Makes the first packet of a flow; `shape` has 2 bits for its kind, 2 for its addresses, 2 for its ports. */
static size_t make_first(uint8_t *packet, uint8_t shape, size_t payload) {
  const bool is_tcp = shape & 2;
  memset(packet, 0, MAX_LENGTH);
  packet[0] = shape & 1 ? 0x45 : 0x60;
  if (is_v4(packet)) store_be16(packet + IPV4_FRAGMENT, shape & 64 ? IPV4_DONT_FRAGMENT : 0);
  packet[is_v4(packet) ? IPV4_PROTOCOL : IPV6_NEXT_HEADER] = is_tcp ? PROTOCOL_TCP : PROTOCOL_UDP;
  packet[is_v4(packet) ? IPV4_ADDRESSES : IPV6_ADDRESSES] = shape >> 2 & 3;
  uint8_t *transport = packet + ip_header(packet);
  transport[1] = shape >> 4 & 3;
  if (!is_tcp) return ip_header(packet) + UDP_HEADER + payload;
  transport[TCP_DATA_OFFSET] = shape & 128 ? 0x80 : 0x50;
  transport[TCP_FLAGS] = TCP_ACK;
  return ip_header(packet) + tcp_header_length(transport) + payload;
}

/* Turns a packet into the one that may follow it. */
static void go_on(uint8_t *packet, size_t length) {
  uint8_t *transport = packet + ip_header(packet);
  if (is_v4(packet)) store_be16(packet + IPV4_ID, (uint16_t)(load_be16(packet + IPV4_ID) + 1));
  if (protocol_of(packet) != PROTOCOL_TCP || length < ip_header(packet) + TCP_HEADER) return;
  const size_t headers = ip_header(packet) + tcp_header_length(transport);
  const uint32_t payload = length > headers ? (uint32_t)(length - headers) : 0;
  store_be32(transport + TCP_SEQUENCE, load_be32(transport + TCP_SEQUENCE) + payload);
}

/* Writes the length, which callers of the coalescer have checked. */
static bool tell_length(uint8_t *packet, size_t length) {
  if (packet_version(packet) == 4 && length >= IPV4_HEADER)
    store_be16(packet + IPV4_TOTAL_LENGTH, (uint16_t)length);
  else if (packet_version(packet) == 6 && length >= IPV6_HEADER)
    store_be16(packet + IPV6_PAYLOAD_LENGTH, (uint16_t)(length - IPV6_HEADER));
  else
    return false;
  return true;
}

static void write_checksums(uint8_t *packet, size_t length) {
  const size_t offset = ip_header(packet);
  const uint8_t protocol = protocol_of(packet);
  const size_t place = offset + (protocol == PROTOCOL_TCP ? TCP_CHECKSUM : UDP_CHECKSUM);
  if (is_v4(packet)) {
    store_be16(packet + IPV4_CHECKSUM, 0);
    store_be16(packet + IPV4_CHECKSUM, (uint16_t)~plain_sum(0, packet, IPV4_HEADER));
  }
  if (place + 2 > length) return;
  if (protocol == PROTOCOL_UDP)
    store_be16(packet + offset + UDP_LENGTH, (uint16_t)(length - offset));
  store_be16(packet + place, 0);
  const uint32_t pseudo = plain_pseudo_sum(packet, protocol, length - offset);
  const uint16_t sum = (uint16_t)~plain_sum(pseudo, packet + offset, length - offset);
  store_be16(packet + place, sum == 0 && protocol == PROTOCOL_UDP ? 0xffff : sum);
}

static void make_packets(struct run *run, struct input *in) {
  uint8_t packet[MAX_LENGTH];
  const uint8_t first = take(in);
  size_t length = make_first(packet, first, take(in));
  while (in->size > 0 && run->count < MAX_PACKETS) {
    const uint8_t command = take(in);
    if (command & 1) {
      const uint8_t shape = take(in);
      length = make_first(packet, shape, (size_t)take(in) * (command & 2 ? 7 : 1));
    }
    if (command & 4) length = length - take(in) % length;
    for (int i = command >> 6; i > 0; i--) {
      const size_t at = take(in) % 80;
      packet[at] ^= take(in);
    }
    if (!tell_length(packet, length)) length = make_first(packet, 1, 1);
    tell_length(packet, length);
    if (!(command & 8)) write_checksums(packet, length);
    run->packets[run->count++] = (struct added){
        copy_of(packet, length), copy_of(packet, length), length, false};
    if (!(command & 16)) go_on(packet, length);
  }
}

/* Returns the added packet that contains these bytes. */
static struct added *find(struct run *run, const uint8_t *bytes) {
  for (uint32_t i = 0; i < run->count; i++) {
    struct added *packet = &run->packets[i];
    if (bytes >= packet->bytes && bytes < packet->bytes + packet->length) return packet;
  }
  fprintf(stderr, "a part is of no packet\n");
  abort();
}

/* Returns whether the order of both must certainly be kept. */
static bool is_same_flow(const struct added *a, const struct added *b) {
  const size_t header = ip_header(a->original);
  const size_t addresses = is_v4(a->original) ? IPV4_ADDRESSES : IPV6_ADDRESSES;
  if (packet_version(a->original) != packet_version(b->original)) return false;
  if (memcmp(a->original + addresses, b->original + addresses, header - addresses) != 0)
    return false;
  if (protocol_of(a->original) != protocol_of(b->original)) return false;
  return a->length >= header + 4 && b->length >= header + 4 &&
         memcmp(a->original + header, b->original + header, 4) == 0;
}

static void take_out(struct run *run, struct added *packet) {
  CHECK(!packet->is_written);
  packet->is_written = true;
  for (struct added *other = run->packets; other < packet; other++)
    CHECK(other->is_written || !is_same_flow(other, packet));
}

/* 0 and 0xffff are the same number (RFC 1071): the original sender may have chosen either. */
static void write_as_0(uint8_t *checksum) {
  if (load_be16(checksum) == 0xffff) store_be16(checksum, 0);
}

/* An id that stayed the same counts up after cutting, where fragmentation is forbidden. */
static void expect_equal(uint8_t *segment, size_t size, const struct added *packet) {
  uint8_t expected[MAX_LENGTH];
  CHECK(size == packet->length);
  memcpy(expected, packet->original, size);
  if (is_v4(segment)) {
    if (load_be16(expected + IPV4_FRAGMENT) == IPV4_DONT_FRAGMENT) {
      memcpy(segment + IPV4_ID, expected + IPV4_ID, 2);
      write_checksums(segment, size);
    }
    write_as_0(segment + IPV4_CHECKSUM);
    write_as_0(expected + IPV4_CHECKSUM);
  }
  const size_t place =
      ip_header(segment) + (protocol_of(segment) == PROTOCOL_TCP ? TCP_CHECKSUM : UDP_CHECKSUM);
  write_as_0(segment + place);
  write_as_0(expected + place);
  CHECK(memcmp(segment, expected, size) == 0);
}

static void check_joined(struct run *run, const struct iovec *parts, int part_count,
                         size_t length) {
  struct vnet_header vnet;
  struct segments segments;
  uint8_t *joined = malloc(length);
  uint8_t *segment = NULL;
  size_t used = 0;
  int i = 1;
  CHECK(joined != NULL && length <= 65535);
  for (int part = 1; part < part_count; part++) {
    memcpy(joined + used, parts[part].iov_base, parts[part].iov_len);
    used += parts[part].iov_len;
  }
  memcpy(&vnet, parts[0].iov_base, VNET_HEADER_SIZE);
  CHECK(vnet.flags == VNET_NEEDS_CSUM && segments_begin(&segments, &vnet, joined, length));
  CHECK(vnet.hdr_len == segments.headers_length && vnet.gso_size == segments.segment_size);
  for (size_t size; (size = segments_next(&segments, &segment)) > 0; i++) {
    CHECK(i < part_count);
    struct added *packet = find(run, parts[i].iov_base);
    take_out(run, packet);
    expect_equal(segment, size, packet);
  }
  CHECK(i == part_count);
  free(joined);
}

static void sink(void *context, const struct iovec *parts, int part_count, size_t length,
                 uint32_t count) {
  static const uint8_t none[VNET_HEADER_SIZE];
  struct run *run = context;
  size_t total = 0;
  CHECK(part_count == (int)count + 1 && parts[0].iov_len == VNET_HEADER_SIZE);
  for (int i = 1; i < part_count; i++) total += parts[i].iov_len;
  CHECK(total == length);
  if (count > 1) {
    check_joined(run, parts, part_count, length);
    return;
  }
  struct added *packet = find(run, parts[1].iov_base);
  CHECK(memcmp(parts[0].iov_base, none, VNET_HEADER_SIZE) == 0);
  CHECK(length == packet->length && memcmp(parts[1].iov_base, packet->original, length) == 0);
  take_out(run, packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct coalescer coalescer;
  static struct run run;
  struct input in = {data, size};
  run.count = 0;
  coalescer_init(&coalescer, true, true, sink, &run);
  make_packets(&run, &in);
  for (uint32_t i = 0; i < run.count; i++)
    coalescer_add(&coalescer, run.packets[i].bytes, run.packets[i].length);
  coalescer_flush(&coalescer);
  for (uint32_t i = 0; i < run.count; i++) {
    CHECK(run.packets[i].is_written);
    free(run.packets[i].bytes);
    free(run.packets[i].original);
  }
  return 0;
}
