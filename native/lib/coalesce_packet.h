/* Decides from its headers whether a packet can be joined with others. Only coalesce*.c include this. */
#ifndef WG_TS_COALESCE_PACKET_H
#define WG_TS_COALESCE_PACKET_H

#include "coalesce.h"

/* The greatest value of the length field of an IPv4 header. */
#define COALESCE_MAX_LENGTH 65535
/* The number that every kernel accepts; only Linux 6.9 and later accept more. */
#define COALESCE_MAX_DATAGRAMS 64

enum coalesce_kind {
  /* The packet has no ports, or not in the usual position; the key has only addresses. */
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

/* Reads the headers. All members of `packet` are set only when it is joinable. */
enum coalesce_kind coalesce_read(struct coalesce_packet *packet, uint8_t *bytes, size_t length);

/* Returns whether both are between the same addresses. */
bool coalesce_has_addresses_of(const struct coalesce_key *a, const struct coalesce_key *b);

/*
 * Returns whether the packet has the headers of the next segment after those of the flow with the same
 * key, and all of them together are not too long. Its checksums are not checked.
 */
bool coalesce_may_follow(const struct coalesce_flow *flow, const struct coalesce_packet *packet);

/* Returns whether the checksums of a TCP or UDP packet are right, including that of an IPv4 header. */
bool coalesce_is_intact(const uint8_t *ip, size_t length, size_t transport_offset, bool is_tcp);

#endif
