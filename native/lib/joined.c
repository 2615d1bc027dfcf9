#include "joined.h"

#define TYPE_TRANSPORT 4
/* The length of an empty transport message, and the offset of its counter's upper half. */
#define SHORTEST 32
#define COUNTER_UPPER_HALF 12

size_t joined_size(const uint8_t *bytes, size_t length) {
  if (length < (size_t)2 * SHORTEST || load_le32(bytes) != TYPE_TRANSPORT) return 0;
  const uint64_t start = load_le64(bytes);
  const uint32_t upper_half = load_le32(bytes + COUNTER_UPPER_HALF);
  /* All have the length of the first, except the last, which may be shorter. */
  for (size_t at = SHORTEST; at + SHORTEST <= length; at++)
    if (UNLIKELY(load_le64(bytes + at) == start) &&
        load_le32(bytes + at + COUNTER_UPPER_HALF) == upper_half)
      return at;
  return 0;
}
