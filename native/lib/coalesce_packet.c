#include "coalesce_packet.h"

#include "tcp_udp.h"

static void read_addresses(struct coalesce_packet *packet) {
  struct coalesce_key *key = &packet->key;
  *key = (struct coalesce_key){.transport = packet->is_v4 ? 4 : 6};
  if (packet->is_v4)
    memcpy(key->addresses, packet->bytes + IPV4_ADDRESSES, 8);
  else
    memcpy(key->addresses, packet->bytes + IPV6_ADDRESSES, 32);
}

static enum coalesce_kind read_tcp(struct coalesce_packet *packet, const uint8_t *tcp) {
  const size_t transport_length = packet->length - packet->transport_offset;
  if (transport_length < TCP_HEADER) return COALESCE_ALONE;
  const size_t header = tcp_header_length(tcp);
  if (header < TCP_HEADER || header >= transport_length) return COALESCE_ALONE;
  packet->sequence = load_be32(tcp + TCP_SEQUENCE);
  packet->flags = tcp[TCP_FLAGS];
  packet->headers_length = packet->transport_offset + header;
  const uint8_t decisive = TCP_ACK | TCP_FIN | TCP_SYN | TCP_RST | TCP_URG;
  return (packet->flags & decisive) == TCP_ACK ? COALESCE_JOINABLE : COALESCE_ALONE;
}

static enum coalesce_kind read_udp(struct coalesce_packet *packet, const uint8_t *udp) {
  const size_t transport_length = packet->length - packet->transport_offset;
  if (transport_length <= UDP_HEADER || load_be16(udp + UDP_LENGTH) != transport_length)
    return COALESCE_ALONE;
  packet->headers_length = packet->transport_offset + UDP_HEADER;
  packet->sequence = 0;
  packet->flags = 0;
  /* A packet without a checksum would get one by being joined. */
  return load_be16(udp + UDP_CHECKSUM) != 0 ? COALESCE_JOINABLE : COALESCE_ALONE;
}

enum coalesce_kind coalesce_read(struct coalesce_packet *packet, uint8_t *bytes, size_t length) {
  const bool is_v4 = packet_version(bytes) == 4;
  const size_t offset = is_v4 ? IPV4_HEADER : IPV6_HEADER;
  const uint8_t protocol = bytes[is_v4 ? IPV4_PROTOCOL : IPV6_NEXT_HEADER];
  packet->bytes = bytes;
  packet->length = length;
  packet->is_v4 = is_v4;
  packet->is_tcp = protocol == PROTOCOL_TCP;
  packet->transport_offset = offset;
  read_addresses(packet);
  if (protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP) return COALESCE_WITHOUT_PORTS;
  if (is_v4) {
    const uint16_t fragment = load_be16(bytes + IPV4_FRAGMENT);
    if (bytes[0] != 0x45 || (fragment & ~IPV4_DONT_FRAGMENT)) return COALESCE_WITHOUT_PORTS;
  }
  if (length < offset + UDP_HEADER) return COALESCE_WITHOUT_PORTS;
  packet->key.transport |= (uint64_t)protocol << 8 | (uint64_t)load_le32(bytes + offset) << 32;
  const enum coalesce_kind kind = packet->is_tcp ? read_tcp(packet, bytes + offset)
                                                 : read_udp(packet, bytes + offset);
  if (kind == COALESCE_JOINABLE) packet->payload = length - packet->headers_length;
  return kind;
}

bool coalesce_has_addresses_of(const struct coalesce_key *a, const struct coalesce_key *b) {
  return memcmp(a->addresses, b->addresses, sizeof a->addresses) == 0;
}

/*
 * The id either counts up or stays the same: senders of packets that must not be fragmented do either
 * (RFC 6864, 4.1). The second packet shows which.
 */
static bool is_next_id(const struct coalesce_flow *flow, const uint8_t *ip) {
  const uint16_t ahead = (uint16_t)(load_be16(ip + IPV4_ID) - load_be16(flow->first + IPV4_ID));
  if (flow->packets > 1) return ahead == (uint16_t)(flow->packets * flow->ipv4_id_step);
  return ahead == 1 || (ahead == 0 && (load_be16(ip + IPV4_FRAGMENT) & IPV4_DONT_FRAGMENT));
}

static bool has_same_ip_fields(const struct coalesce_flow *flow, const uint8_t *ip) {
  const uint8_t *first = flow->first;
  if (!flow->is_v4)
    return load_le32(ip) == load_le32(first) && ip[IPV6_HOP_LIMIT] == first[IPV6_HOP_LIMIT];
  return ip[1] == first[1] && ip[IPV4_TTL] == first[IPV4_TTL] &&
         load_be16(ip + IPV4_FRAGMENT) == load_be16(first + IPV4_FRAGMENT) && is_next_id(flow, ip);
}

/*
 * PSH may be set in the last packet and CWR in the first: that is where they are after cutting. ECE must be
 * the same in all of them, so that its congestion mark is not blurred (RFC 3168, 6.1.3).
 */
static bool has_same_tcp_fields(const struct coalesce_flow *flow,
                                const struct coalesce_packet *packet) {
  const uint8_t *first = flow->first + flow->transport_offset;
  const uint8_t *tcp = packet->bytes + flow->transport_offset;
  const size_t options = flow->headers_length - flow->transport_offset - TCP_HEADER;
  if ((packet->flags & TCP_CWR) || ((packet->flags ^ first[TCP_FLAGS]) & ~(TCP_PSH | TCP_CWR)))
    return false;
  return packet->sequence == flow->next_sequence &&
         load_le32(tcp + TCP_ACKNOWLEDGMENT) == load_le32(first + TCP_ACKNOWLEDGMENT) &&
         tcp[TCP_DATA_OFFSET] == first[TCP_DATA_OFFSET] &&
         load_be16(tcp + TCP_WINDOW) == load_be16(first + TCP_WINDOW) &&
         load_be16(tcp + TCP_URGENT_POINTER) == load_be16(first + TCP_URGENT_POINTER) &&
         memcmp(tcp + TCP_HEADER, first + TCP_HEADER, options) == 0;
}

bool coalesce_may_follow(const struct coalesce_flow *flow, const struct coalesce_packet *packet) {
  if (packet->payload > flow->segment_size) return false;
  if (flow->length + packet->payload > COALESCE_MAX_LENGTH) return false;
  if (!has_same_ip_fields(flow, packet->bytes)) return false;
  return !flow->is_tcp || has_same_tcp_fields(flow, packet);
}

bool coalesce_is_intact(const uint8_t *ip, size_t length, size_t transport_offset, bool is_tcp) {
  const bool is_v4 = packet_version(ip) == 4;
  const size_t transport_length = length - transport_offset;
  const uint64_t pseudo =
      checksum_pseudo(ip, is_tcp ? PROTOCOL_TCP : PROTOCOL_UDP, transport_length);
  if (is_v4 && checksum_fold(checksum_add(0, ip, transport_offset)) != 0xffff) return false;
  return checksum_fold(checksum_add(pseudo, ip + transport_offset, transport_length)) == 0xffff;
}
