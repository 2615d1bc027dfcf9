/* The internet checksum (RFC 1071). */
#ifndef WG_TS_CHECKSUM_H
#define WG_TS_CHECKSUM_H

#include "common.h"

/*
 * Adds the bytes, as 16-bit words in network order (an odd last byte is the high half of one), to
 * `sum`. Returns a partial sum for `checksum_fold` or for another call; 64 bits hold more than any
 * packet can add.
 */
uint64_t checksum_add(uint64_t sum, const uint8_t *bytes, size_t length);

/* Returns 16 bits, not inverted; 0 only when nothing but zeros was added. */
static inline uint16_t checksum_fold(uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)sum;
}

/* Returns the sum of the pseudo-header (RFC 9293, 3.1; RFC 8200, 8.1) of the IP header at `ip`. */
uint64_t checksum_pseudo(const uint8_t *ip, uint8_t protocol, size_t transport_length);

#endif
