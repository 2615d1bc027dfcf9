/* Shared by the fuzz targets: invariants that end the run, and a plain checksum. */
#ifndef WG_TS_FUZZ_CHECK_H
#define WG_TS_FUZZ_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#include "tcp_udp.h"

#define CHECK(condition)                                                       \
  do {                                                                         \
    if (!(condition)) {                                                        \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);  \
      abort();                                                                 \
    }                                                                          \
  } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns a copy in memory of exactly this size, so that any access outside of it is noticed. */
static inline uint8_t *copy_of(const uint8_t *bytes, size_t length) {
  uint8_t *copy = malloc(length > 0 ? length : 1);
  CHECK(copy != NULL);
  if (length > 0) memcpy(copy, bytes, length);
  return copy;
}

static inline uint32_t plain_sum(uint32_t sum, const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return sum;
}

/* Sums the addresses, the protocol and the length, for a packet without routing headers. */
static inline uint32_t plain_pseudo_sum(const uint8_t *ip, uint8_t protocol, size_t length) {
  const uint8_t rest[] = {0, protocol, (uint8_t)(length >> 24), (uint8_t)(length >> 16),
                          (uint8_t)(length >> 8), (uint8_t)length};
  const uint32_t sum = plain_sum(0, rest, sizeof rest);
  return packet_version(ip) == 4 ? plain_sum(sum, ip + IPV4_ADDRESSES, 8)
                                 : plain_sum(sum, ip + IPV6_ADDRESSES, 32);
}

static inline bool is_intact_transport(const uint8_t *ip, size_t length, size_t offset,
                                       uint8_t protocol) {
  const uint32_t pseudo = plain_pseudo_sum(ip, protocol, length - offset);
  return plain_sum(pseudo, ip + offset, length - offset) == 0xffff;
}

static inline bool is_intact_ipv4_header(const uint8_t *ip) {
  return plain_sum(0, ip, ipv4_header_length(ip)) == 0xffff;
}

#endif
