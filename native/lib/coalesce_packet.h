/* What the headers of a packet say about joining it with others. Only coalesce*.c include this. */
#ifndef WG_TS_COALESCE_PACKET_H
#define WG_TS_COALESCE_PACKET_H

#include "coalesce.h"

/* Of IP: what the length field of an IPv4 header can say. */
#define COALESCE_MAX_LENGTH 65535
/* What every kernel takes; more only since Linux 6.9. */
#define COALESCE_MAX_DATAGRAMS 64

enum coalesce_kind {
  /* It tells no ports, or not where they usually are; the key has only addresses. */
  COALESCE_WITHOUT_PORTS,
  COALESCE_ALONE,
  COALESCE_JOINABLE,
};

struct coalesce_packet {
  uint8_t *bytes;
  size_t length;
  struct coalesce_key key;
  size_t transport_offset;
  /* Of IP and transport together. */
  size_t headers_length;
  size_t payload;
  /* Of TCP, else 0. */
  uint32_t sequence;
  uint8_t flags;
  bool is_tcp;
  bool is_v4;
};

/* All of `packet` is only there when it is joinable. */
enum coalesce_kind coalesce_read(struct coalesce_packet *packet, uint8_t *bytes, size_t length);

/* Whether both are between the same addresses. */
bool coalesce_has_addresses_of(const struct coalesce_key *a, const struct coalesce_key *b);

/*
 * Whether its headers are what a packet cut from the same one would have after those of the flow
 * with the same key, and all of them together are not too long. Its checksums are not looked at.
 */
bool coalesce_may_follow(const struct coalesce_flow *flow, const struct coalesce_packet *packet);

/* Whether the checksums of a TCP or UDP packet are right, that of an IPv4 header as well. */
bool coalesce_is_intact(const uint8_t *ip, size_t length, size_t transport_offset, bool is_tcp);

#endif
