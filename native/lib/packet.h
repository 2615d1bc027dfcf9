/* The few fields of an inner IPv4 (RFC 791) or IPv6 (RFC 8200) header that routing needs. */
#ifndef WG_TS_PACKET_H
#define WG_TS_PACKET_H

#include "checksum.h"
#include "common.h"

#define IPV4_HEADER 20
#define IPV6_HEADER 40

static inline unsigned packet_version(const uint8_t *packet) { return packet[0] >> 4; }

/* Returns 4 or 6, or 0 for what is no IP packet or shorter than the header of its version. */
static inline unsigned packet_family(const uint8_t *packet, size_t length) {
  if (length < IPV4_HEADER) return 0;
  const unsigned version = packet_version(packet);
  if (version == 4) return 4;
  return version == 6 && length >= IPV6_HEADER ? 6 : 0;
}

/* Returns the length in the header; 0 when it is less than a header or more than the packet. */
static inline size_t packet_length(const uint8_t *packet, unsigned family, size_t length) {
  const size_t header = family == 4 ? IPV4_HEADER : IPV6_HEADER;
  const size_t told =
      family == 4 ? load_be16(packet + 2) : load_be16(packet + 4) + (size_t)IPV6_HEADER;
  return told >= header && told <= length ? told : 0;
}

static inline uint8_t packet_traffic_class(const uint8_t *packet) {
  return packet_version(packet) == 4 ? packet[1] : (uint8_t)(load_be16(packet) >> 4);
}

/* RFC 3168, 5. */
enum { ECN_NOT_ECT = 0, ECN_ECT_1 = 1, ECN_ECT_0 = 2, ECN_CE = 3, ECN_MASK = 3 };

/*
 * Returns the ECN of the outer header for that of the inner one, as the kernel sets it: a mark from
 * before the tunnel stays inside, and the outer header starts anew (RFC 6040, 4.1, compatible with 3168).
 */
static inline uint8_t ecn_encapsulate(const uint8_t *packet) {
  const uint8_t ecn = packet_traffic_class(packet) & ECN_MASK;
  return ecn == ECN_CE ? ECN_ECT_0 : ecn;
}

/*
 * Copies the mark of a router between the tunnel's ends to the inner header, if that can be marked
 * (RFC 6040, 4.2). A packet that cannot is let through unmarked, as in the kernel.
 */
static inline void ecn_decapsulate(uint8_t outer, uint8_t *packet) {
  if (LIKELY((outer & ECN_MASK) != ECN_CE)) return;
  if ((packet_traffic_class(packet) & ECN_MASK) == ECN_NOT_ECT) return;
  if (packet_version(packet) == 6) {
    packet[1] = (uint8_t)(packet[1] | ECN_CE << 4);
    return;
  }
  const uint16_t before = load_be16(packet);
  packet[1] |= ECN_CE;
  /* RFC 1624, 3: the checksum follows the one word that changed. */
  uint64_t sum = (uint16_t)~load_be16(packet + 10);
  sum += (uint16_t)~before;
  sum += load_be16(packet);
  store_be16(packet + 10, (uint16_t)~checksum_fold(sum));
}

#endif
