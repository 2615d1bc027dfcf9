/*
 * Fuzzes segment.h with a vnet header of 10 bytes followed by a packet. The sanitizers notice reads and
 * writes outside of the packet; the output must be the whole payload, once, in packets with right lengths
 * and checksums.
 *
 * Sources: checksum segment segment_headers
 */
#include "check.h"
#include "segment.h"

/* The checksum can be predicted only without a routing header, whose last destination counts. */
static bool has_plain_headers(const uint8_t *packet, size_t length) {
  const unsigned family = packet_family(packet, length);
  if (family == 4) return true;
  if (family != 6) return false;
  const uint8_t next = packet[IPV6_NEXT_HEADER];
  return next == PROTOCOL_TCP || next == PROTOCOL_UDP;
}

/* Writes what the kernel leaves in the checksum field. */
static void begin_checksum(const struct vnet_header *vnet, uint8_t *packet, size_t length) {
  const size_t start = vnet->csum_start;
  const size_t place = start + vnet->csum_offset;
  if (!(vnet->flags & VNET_NEEDS_CSUM) || place + 2 > length) return;
  if (!has_plain_headers(packet, length)) return;
  const uint8_t protocol = packet_version(packet) == 4 ? packet[9] : packet[6];
  store_be16(packet + place, (uint16_t)plain_pseudo_sum(packet, protocol, length - start));
}

static void check_segment(const struct segments *s, const uint8_t *segment, size_t size,
                          bool is_last) {
  const size_t payload = size - s->headers_length;
  CHECK(is_last ? payload <= s->segment_size : payload == s->segment_size);
  if (s->is_v4) {
    CHECK(load_be16(segment + IPV4_TOTAL_LENGTH) == size);
    CHECK(is_intact_ipv4_header(segment));
  } else {
    CHECK(load_be16(segment + IPV6_PAYLOAD_LENGTH) + (size_t)IPV6_HEADER == size);
  }
  if (has_plain_headers(segment, size))
    CHECK(is_intact_transport(segment, size, s->transport_offset,
                              s->is_tcp ? PROTOCOL_TCP : PROTOCOL_UDP));
}

static void check_cutting(struct segments *s, const uint8_t *whole, size_t length) {
  uint8_t *segment = NULL;
  size_t covered = s->headers_length;
  uint32_t count = 0;
  for (size_t size; (size = segments_next(s, &segment)) > 0; count++) {
    CHECK(segment >= s->packet && segment + size <= s->packet + length);
    CHECK(size >= s->headers_length);
    const size_t payload = size - s->headers_length;
    CHECK(covered + payload <= length);
    CHECK(memcmp(segment + s->headers_length, whole + covered, payload) == 0);
    covered += payload;
    check_segment(s, segment, size, count + 1 == s->count);
    /* The caller may overwrite the segment and everything before it. */
    memset(s->packet, 0xa5, (size_t)(segment - s->packet) + size);
  }
  CHECK(count == s->count);
  CHECK(covered == length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct vnet_header vnet;
  struct segments segments;
  if (size < VNET_HEADER_SIZE) return 0;
  memcpy(&vnet, data, VNET_HEADER_SIZE);
  const size_t length = size - VNET_HEADER_SIZE;
  uint8_t *packet = copy_of(data + VNET_HEADER_SIZE, length);
  begin_checksum(&vnet, packet, length);
  uint8_t *whole = copy_of(packet, length);
  if (segments_begin(&segments, &vnet, packet, length)) {
    if (segments.headers_length > 0) {
      check_cutting(&segments, whole, length);
    } else {
      uint8_t *segment = NULL;
      CHECK(segments_next(&segments, &segment) == length && segment == packet);
      CHECK(segments_next(&segments, &segment) == 0);
    }
  }
  free(whole);
  free(packet);
  return 0;
}
