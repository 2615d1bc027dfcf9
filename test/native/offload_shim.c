/*
 * For the tests of checksum.h, segment.h and coalesce.h: calls them the way the data plane does, in
 * memory of its own with guard bytes around each packet, and writes down what comes out.
 */
#include <stdlib.h>

#include "checksum.h"
#include "coalesce.h"

#define GUARD 64
#define GUARD_BYTE 0x5a
#define OVERWRITTEN 0xa5

enum { REFUSED = -1, GUARD_TOUCHED = -2, INCONSISTENT = -3, NO_MEMORY = -4 };

uint16_t test_checksum(const uint8_t *bytes, size_t length, uint64_t sum) {
  return checksum_fold(checksum_add(sum, bytes, length));
}

uint16_t test_fold(uint64_t sum) { return checksum_fold(sum); }

uint16_t test_pseudo(const uint8_t *ip, uint8_t protocol, size_t transport_length) {
  return checksum_fold(checksum_pseudo(ip, protocol, transport_length));
}

static uint8_t *guarded(const uint8_t *bytes, size_t length) {
  uint8_t *memory = malloc(length + 2 * GUARD);
  if (!memory) return NULL;
  memset(memory, GUARD_BYTE, length + 2 * GUARD);
  memcpy(memory + GUARD, bytes, length);
  return memory + GUARD;
}

/* Frees it; false when a guard byte has changed. */
static bool release(uint8_t *packet, size_t length) {
  bool is_whole = true;
  for (size_t i = 0; i < GUARD; i++)
    is_whole = is_whole && *(packet - GUARD + i) == GUARD_BYTE && packet[length + i] == GUARD_BYTE;
  free(packet - GUARD);
  return is_whole;
}

/* Each segment: 4 bytes of length, then itself. Answers how many, or a negative number. */
int32_t test_segment(const uint8_t *vnet, const uint8_t *bytes, size_t length, uint8_t *out,
                     size_t capacity) {
  struct vnet_header header;
  struct segments segments;
  uint8_t *segment = NULL;
  uint8_t *packet = guarded(bytes, length);
  int32_t found = 0;
  size_t used = 0;
  if (!packet) return NO_MEMORY;
  memset(&segments, GUARD_BYTE, sizeof segments);
  memcpy(&header, vnet, sizeof header);
  if (!segments_begin(&segments, &header, packet, length))
    return release(packet, length) ? REFUSED : GUARD_TOUCHED;
  for (size_t size; (size = segments_next(&segments, &segment)) > 0; found++) {
    if (segment < packet || segment + size > packet + length || used + 4 + size > capacity) {
      release(packet, length);
      return INCONSISTENT;
    }
    store_le32(out + used, (uint32_t)size);
    memcpy(out + used + 4, segment, size);
    used += 4 + size;
    memset(packet, OVERWRITTEN, (size_t)(segment - packet) + size);
  }
  const bool is_counted = segments.count == (uint32_t)found;
  if (!release(packet, length)) return GUARD_TOUCHED;
  return is_counted ? found : INCONSISTENT;
}

struct record {
  struct coalescer *coalescer;
  uint8_t *out;
  size_t capacity;
  size_t used;
  int32_t written;
  /* After so many packets written, none is joined any more. */
  int32_t switch_off_after;
  int32_t failure;
};

/* 4 bytes of length, 4 of count, the vnet header, 2 of nothing; then the packet. */
static void write_down(void *context, const struct iovec *parts, int part_count, size_t length,
                       uint32_t count) {
  struct record *record = context;
  uint8_t *out = record->out + record->used;
  size_t total = 0;
  for (int i = 1; i < part_count; i++) total += parts[i].iov_len;
  if (part_count < 2 || parts[0].iov_len != VNET_HEADER_SIZE || total != length ||
      record->used + 20 + length > record->capacity) {
    record->failure = INCONSISTENT;
    return;
  }
  store_le32(out, (uint32_t)length);
  store_le32(out + 4, count);
  memcpy(out + 8, parts[0].iov_base, VNET_HEADER_SIZE);
  out += 20;
  for (int i = 1; i < part_count; i++) {
    memcpy(out, parts[i].iov_base, parts[i].iov_len);
    out += parts[i].iov_len;
  }
  record->used += 20 + length;
  record->written++;
  if (record->written == record->switch_off_after)
    record->coalescer->tcp = record->coalescer->udp = false;
}

/*
 * Adds packets of the given lengths, one behind the other in `bytes`; a length of 0 is a flush.
 * Returns how many were written, or a negative number.
 */
int32_t test_coalesce(bool tcp, bool udp, int32_t switch_off_after, const uint8_t *bytes,
                      const uint32_t *lengths, uint32_t count, uint8_t *out, size_t capacity) {
  struct coalescer *coalescer = malloc(sizeof *coalescer);
  uint8_t **packets = calloc(count + 1, sizeof *packets);
  if (!coalescer || !packets) return NO_MEMORY;
  struct record record = {coalescer, out, capacity, 0, 0, switch_off_after, 0};
  memset(coalescer, GUARD_BYTE, sizeof *coalescer);
  coalescer_init(coalescer, tcp, udp, write_down, &record);
  for (uint32_t i = 0; i < count; i++) {
    if (lengths[i] == 0) {
      coalescer_flush(coalescer);
      continue;
    }
    packets[i] = guarded(bytes, lengths[i]);
    bytes += lengths[i];
    if (packets[i]) coalescer_add(coalescer, packets[i], lengths[i]);
  }
  coalescer_flush(coalescer);
  for (uint32_t i = 0; i < count; i++)
    if (packets[i] && !release(packets[i], lengths[i])) record.failure = GUARD_TOUCHED;
  free(packets);
  free(coalescer);
  return record.failure ? record.failure : record.written;
}
