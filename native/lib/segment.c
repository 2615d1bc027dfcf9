#include "segment.h"

#include "checksum.h"
#include "segment_headers.h"
#include "tcp_udp.h"

_Static_assert(sizeof(struct vnet_header) == VNET_HEADER_SIZE, "as the kernel has it");

#define MAX_PACKET 65535

/*
 * The field already holds the sum of the pseudo-header, so summing everything is enough. In UDP, 0 would
 * mean "no checksum"; 0xffff is the same number for all protocols (RFC 768).
 */
static bool finish_checksum(const struct vnet_header *header, uint8_t *packet, size_t length) {
  const size_t start = header->csum_start;
  const size_t place = start + header->csum_offset;
  if (place + 2 > length) return false;
  const uint16_t sum = (uint16_t)~checksum_fold(checksum_add(0, packet + start, length - start));
  store_be16(packet + place, sum == 0 ? 0xffff : sum);
  return true;
}

/*
 * Returns the sum of the pseudo-header without its length. Where the kernel has summed it, the kernel's sum
 * is used: with a routing header, its destination is not that of the IP header (RFC 8200, 8.1).
 */
static uint64_t pseudo_sum(const struct segments *s, bool is_summed) {
  const uint8_t *transport = s->packet + s->transport_offset;
  if (!is_summed) return checksum_pseudo(s->packet, s->is_tcp ? PROTOCOL_TCP : PROTOCOL_UDP, 0);
  const uint16_t sum = load_be16(transport + (s->is_tcp ? TCP_CHECKSUM : UDP_CHECKSUM));
  /* 0xffffffff is a multiple of 0xffff, so it does not change such a sum. */
  return sum + (0xffffffff - (s->length - s->transport_offset));
}

/* Stores the headers, with zeros where segments differ, and the sums of the common part. */
static void keep_headers(struct segments *s, bool is_pseudo_summed) {
  uint8_t *transport = s->headers + s->transport_offset;
  memcpy(s->headers, s->packet, s->headers_length);
  if (s->is_v4) {
    s->ipv4_id = load_be16(s->headers + IPV4_ID);
    store_be16(s->headers + IPV4_TOTAL_LENGTH, 0);
    store_be16(s->headers + IPV4_ID, 0);
    store_be16(s->headers + IPV4_CHECKSUM, 0);
    s->ipv4_sum = checksum_add(0, s->headers, s->transport_offset);
  }
  if (s->is_tcp) {
    s->sequence = load_be32(transport + TCP_SEQUENCE);
    s->tcp_flags = transport[TCP_FLAGS];
    store_be32(transport + TCP_SEQUENCE, 0);
    transport[TCP_FLAGS] = 0;
    store_be16(transport + TCP_CHECKSUM, 0);
  } else {
    store_be16(transport + UDP_LENGTH, 0);
    store_be16(transport + UDP_CHECKSUM, 0);
  }
  s->transport_sum = checksum_add(pseudo_sum(s, is_pseudo_summed), transport,
                                  s->headers_length - s->transport_offset);
}

static bool begin_cutting(struct segments *s, const struct vnet_header *header) {
  struct segment_headers found;
  if (!segment_headers_find(&found, header, s->packet, s->length)) return false;
  const size_t payload = s->length - found.length;
  const size_t size = header->gso_size;
  if (size == 0 || found.length + (payload < size ? payload : size) > MAX_PACKET) return false;
  const size_t count = (payload + size - 1) / size;
  if (count > UINT16_MAX) return false;
  s->count = count == 0 ? 1 : (uint32_t)count;
  s->is_v4 = found.is_v4;
  s->is_tcp = found.is_tcp;
  s->transport_offset = found.transport_offset;
  s->headers_length = found.length;
  s->segment_size = size;
  keep_headers(s, (header->flags & VNET_NEEDS_CSUM) != 0);
  return true;
}

bool segments_begin(struct segments *s, const struct vnet_header *header, uint8_t *packet,
                    size_t length) {
  if (length == 0) return false;
  s->packet = packet;
  s->length = length;
  s->headers_length = 0;
  s->count = 1;
  s->index = 0;
  if ((header->gso_type & ~VNET_GSO_ECN) != VNET_GSO_NONE) return begin_cutting(s, header);
  return !(header->flags & VNET_NEEDS_CSUM) || finish_checksum(header, packet, length);
}

static void write_ip(const struct segments *s, uint8_t *ip, size_t length) {
  if (!s->is_v4) {
    store_be16(ip + IPV6_PAYLOAD_LENGTH, (uint16_t)(length - IPV6_HEADER));
    return;
  }
  const uint16_t id = (uint16_t)(s->ipv4_id + s->index);
  store_be16(ip + IPV4_TOTAL_LENGTH, (uint16_t)length);
  store_be16(ip + IPV4_ID, id);
  store_be16(ip + IPV4_CHECKSUM, (uint16_t)~checksum_fold(s->ipv4_sum + length + id));
}

/* Flags of the whole packet are set in one segment only: FIN and PSH in the last, CWR in the first. */
static uint8_t tcp_flags_of(const struct segments *s) {
  unsigned flags = s->tcp_flags;
  if (s->index + 1 < s->count) flags &= ~(unsigned)(TCP_FIN | TCP_PSH);
  if (s->index > 0) flags &= ~(unsigned)TCP_CWR; /* RFC 3168, 6.1.2. */
  return (uint8_t)flags;
}

/* `sum` includes everything except the fields written here. */
static void write_tcp(const struct segments *s, uint8_t *tcp, uint64_t sum) {
  const uint32_t sequence = s->sequence + s->index * (uint32_t)s->segment_size;
  const uint8_t flags = tcp_flags_of(s);
  store_be32(tcp + TCP_SEQUENCE, sequence);
  tcp[TCP_FLAGS] = flags;
  store_be16(tcp + TCP_CHECKSUM, (uint16_t)~checksum_fold(sum + sequence + flags));
}

static void write_udp(uint8_t *udp, size_t length, uint64_t sum) {
  const uint16_t checksum = (uint16_t)~checksum_fold(sum + length);
  store_be16(udp + UDP_LENGTH, (uint16_t)length);
  store_be16(udp + UDP_CHECKSUM, checksum == 0 ? 0xffff : checksum);
}

static size_t cut_next(struct segments *s, uint8_t **segment) {
  const size_t offset = s->index * s->segment_size;
  const size_t left = s->length - s->headers_length - offset;
  const size_t payload = left < s->segment_size ? left : s->segment_size;
  const size_t length = s->headers_length + payload;
  const size_t transport_length = length - s->transport_offset;
  uint8_t *ip = s->packet + offset;
  const uint64_t sum = checksum_add(s->transport_sum + transport_length, ip + s->headers_length,
                                    payload);
  memcpy(ip, s->headers, s->headers_length);
  write_ip(s, ip, length);
  if (s->is_tcp)
    write_tcp(s, ip + s->transport_offset, sum);
  else
    write_udp(ip + s->transport_offset, transport_length, sum);
  s->index++;
  *segment = ip;
  return length;
}

size_t segments_next(struct segments *s, uint8_t **segment) {
  if (s->index == s->count) return 0;
  if (s->headers_length > 0) return cut_next(s, segment);
  s->index++;
  *segment = s->packet;
  return s->length;
}
