/* The rings: packets one after the other in memory, each behind a header, at multiples of 16 bytes. */
#include "double.h"

/* An entry that begins near the end goes on behind it, and its bytes still count as the ring's. */
#define OVERHANG (sizeof(struct entry) + MAX_IP_PACKET_SIZE + 1)

uint64_t entry_bytes(uint32_t size) { return (sizeof(struct entry) + size + 15) & ~(uint64_t)15; }

bool ring_open(struct ring *ring, uint32_t capacity) {
  InitializeSRWLock(&ring->lock);
  ring->capacity = capacity;
  ring->memory =
      VirtualAlloc(NULL, capacity + OVERHANG, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
  return ring->memory != NULL;
}

/* A thread that still looks into it gets an access violation. */
void ring_close(struct ring *ring) {
  VirtualFree(ring->memory, 0, MEM_RELEASE);
  ring->memory = NULL;
}

struct entry *ring_entry_at(const struct ring *ring, uint64_t offset) {
  return (struct entry *)(ring->memory + offset % ring->capacity);
}

struct entry *ring_reserve(struct ring *ring, uint32_t size) {
  const uint64_t needed = entry_bytes(size);
  if (ring->tail - ring->head + needed > ring->capacity) return NULL;
  struct entry *entry = ring_entry_at(ring, ring->tail);
  entry->magic = ENTRY_MAGIC;
  entry->size = size;
  ring->tail += needed;
  return entry;
}

struct entry *ring_entry_of(struct ring *ring, const uint8_t *packet) {
  const uint8_t *start = packet - sizeof(struct entry);
  if (start < ring->memory || start >= ring->memory + ring->capacity) return NULL;
  /* Only where one really begins: walking is slow, the magic and the place are quick. */
  const uint64_t place = (uint64_t)(start - ring->memory);
  const uint64_t from_head = (place - ring->head % ring->capacity + ring->capacity) % ring->capacity;
  struct entry *entry = (struct entry *)start;
  if (place % 16 != 0 || from_head >= ring->tail - ring->head) return NULL;
  return entry->magic == ENTRY_MAGIC ? entry : NULL;
}
