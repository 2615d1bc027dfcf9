#include "checksum.h"

/*
 * Sums in host byte order: swapped once at the end, this is the sum in network order (RFC 1071, 2 B).
 * Compilers vectorize the loop in just this form.
 */
static uint64_t add_words(const uint8_t *bytes, size_t length) {
  const size_t words = length / 4;
  const uint8_t *rest = bytes + 4 * words;
  uint64_t sum = 0;
  for (size_t i = 0; i < words; i++) sum += load_le32(bytes + 4 * i);
  if (length & 2) {
    sum += (uint32_t)rest[0] | (uint32_t)rest[1] << 8;
    rest += 2;
  }
  return length & 1 ? sum + rest[0] : sum;
}

uint64_t checksum_add(uint64_t sum, const uint8_t *bytes, size_t length) {
  return sum + __builtin_bswap16(checksum_fold(add_words(bytes, length)));
}

uint64_t checksum_pseudo(const uint8_t *ip, uint8_t protocol, size_t transport_length) {
  const bool is_v4 = ip[0] >> 4 == 4;
  const uint8_t *addresses = ip + (is_v4 ? 12 : 8);
  const size_t addresses_length = is_v4 ? 8 : 32;
  uint64_t sum = (uint64_t)protocol + transport_length;
  /* Four bytes are two words: folding the sum adds the higher one to the others. */
  for (size_t i = 0; i < addresses_length; i += 4) sum += load_be32(addresses + i);
  return sum;
}
