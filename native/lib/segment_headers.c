#include "segment_headers.h"

#include "tcp_udp.h"

enum { HOP_BY_HOP_OPTIONS = 0, ROUTING = 43, DESTINATION_OPTIONS = 60 };

static bool is_skippable(uint8_t next_header) {
  return next_header == HOP_BY_HOP_OPTIONS || next_header == ROUTING ||
         next_header == DESTINATION_OPTIONS;
}

/*
 * Returns where the transport header would begin, perhaps beyond the packet, and its protocol; 0 for a
 * packet that cannot be cut, such as a fragment.
 */
static size_t find_transport4(const uint8_t *packet, uint8_t *protocol) {
  const size_t offset = ipv4_header_length(packet);
  if (offset < IPV4_HEADER) return 0;
  if (load_be16(packet + IPV4_FRAGMENT) & IPV4_IS_FRAGMENT) return 0;
  *protocol = packet[IPV4_PROTOCOL];
  return offset;
}

/* RFC 8200, 4: each extension header has its own length and the type of the next. */
static size_t find_transport6(const uint8_t *packet, size_t length, uint8_t *protocol) {
  size_t offset = IPV6_HEADER;
  uint8_t next_header = packet[IPV6_NEXT_HEADER];
  while (is_skippable(next_header)) {
    if (offset + 8 > length || offset > SEGMENT_MAX_HEADERS) return 0;
    next_header = packet[offset];
    offset += (size_t)(packet[offset + 1] + 1) * 8;
  }
  *protocol = next_header;
  return offset;
}

/* Returns the length of the transport header; 0 for an incomplete one. */
static size_t transport_header_length(const uint8_t *transport, size_t length, bool is_tcp) {
  if (!is_tcp) return length >= UDP_HEADER ? UDP_HEADER : 0;
  if (length < TCP_HEADER) return 0;
  const size_t header = tcp_header_length(transport);
  return header >= TCP_HEADER && header <= length ? header : 0;
}

static bool is_of_kind(uint8_t gso_type, bool is_v4, uint8_t protocol) {
  switch (gso_type) {
    case VNET_GSO_TCPV4:
      return is_v4 && protocol == PROTOCOL_TCP;
    case VNET_GSO_TCPV6:
      return !is_v4 && protocol == PROTOCOL_TCP;
    case VNET_GSO_UDP_L4:
      return protocol == PROTOCOL_UDP;
    default:
      return false;
  }
}

bool segment_headers_find(struct segment_headers *found, const struct vnet_header *header,
                          const uint8_t *packet, size_t length) {
  const unsigned family = packet_family(packet, length);
  uint8_t protocol = 0;
  if (family == 0) return false;
  const bool is_v4 = family == 4;
  const size_t offset = is_v4 ? find_transport4(packet, &protocol)
                              : find_transport6(packet, length, &protocol);
  const uint8_t gso_type = header->gso_type & (uint8_t)~VNET_GSO_ECN;
  if (offset == 0 || offset > length || !is_of_kind(gso_type, is_v4, protocol)) return false;
  const bool is_tcp = protocol == PROTOCOL_TCP;
  if (header->flags & VNET_NEEDS_CSUM) {
    const uint16_t place = is_tcp ? TCP_CHECKSUM : UDP_CHECKSUM;
    if (header->csum_start != offset || header->csum_offset != place) return false;
  }
  const size_t transport = transport_header_length(packet + offset, length - offset, is_tcp);
  if (transport == 0 || offset + transport > SEGMENT_MAX_HEADERS) return false;
  *found = (struct segment_headers){is_v4, is_tcp, offset, offset + transport};
  return true;
}
