/* The prefixes of each owner, so that removing them does not search the whole trie. */
#include <stdlib.h>

#include "allowedips_trie.h"

#define SMALLEST 4

/* Pointers differ in their middle bits most; the multiplication brings those to the top. */
static size_t home_of(const struct owners *owners, const void *owner) {
  uint64_t hash = (uint64_t)(uintptr_t)owner * 0x9e3779b97f4a7c15U;
  return (size_t)(hash >> 32) & (owners->capacity - 1);
}

/* Returns the owner's slot, or the free one where it would be. There must be a free slot. */
static struct owner_prefixes *find(const struct owners *owners, const void *owner) {
  size_t i = home_of(owners, owner);
  while (owners->places[i].count > 0 && owners->places[i].owner != owner)
    i = (i + 1) & (owners->capacity - 1);
  return &owners->places[i];
}

static bool resize(struct allowedips *table, size_t capacity) {
  struct owners old = table->owners;
  struct owners new = {calloc(capacity, sizeof *new.places), old.count, capacity};
  if (!new.places) return false;
  for (size_t i = 0; i < old.capacity; i++) {
    if (old.places[i].count > 0) *find(&new, old.places[i].owner) = old.places[i];
  }
  table->owners = new;
  table->memory += capacity * sizeof *new.places;
  table->memory -= old.capacity * sizeof *old.places;
  free(old.places);
  return true;
}

static bool resize_prefixes(struct allowedips *table, struct owner_prefixes *place,
                            uint32_t capacity) {
  struct prefix *prefixes = realloc(place->prefixes, capacity * sizeof *prefixes);
  if (!prefixes) return false;
  table->memory += capacity * sizeof *prefixes;
  table->memory -= place->capacity * sizeof *prefixes;
  place->prefixes = prefixes;
  place->capacity = capacity;
  return true;
}

bool owners_add(struct allowedips *table, const void *owner, const struct prefix *prefix,
                uint32_t *number) {
  struct owners *owners = &table->owners;
  if (owners->count >= owners->capacity / 4 * 3) {
    if (!resize(table, owners->capacity == 0 ? SMALLEST : owners->capacity * 2)) return false;
  }
  struct owner_prefixes *place = find(owners, owner);
  bool is_full = place->count == place->capacity;
  if (is_full && !resize_prefixes(table, place, place->count + place->count / 2 + 1)) return false;
  if (place->count == 0) owners->count++;
  place->owner = owner;
  *number = place->count++;
  place->prefixes[*number] = *prefix;
  return true;
}

/* Moves the slots after the gap up, so that no search ends too early. */
static void close_gap(struct owners *owners, size_t gap) {
  const size_t mask = owners->capacity - 1;
  for (size_t i = (gap + 1) & mask; owners->places[i].count > 0; i = (i + 1) & mask) {
    size_t home = home_of(owners, owners->places[i].owner);
    if (((i - home) & mask) < ((i - gap) & mask)) continue;
    owners->places[gap] = owners->places[i];
    gap = i;
  }
  owners->places[gap] = (struct owner_prefixes){NULL, NULL, 0, 0};
}

static void forget(struct allowedips *table, struct owner_prefixes *place) {
  struct owners *owners = &table->owners;
  table->memory -= place->capacity * sizeof *place->prefixes;
  free(place->prefixes);
  owners->count--;
  close_gap(owners, (size_t)(place - owners->places));
  /* When out of memory, the table keeps its size. */
  if (owners->capacity > SMALLEST && owners->count < owners->capacity / 8)
    resize(table, owners->capacity / 2);
}

const struct prefix *owners_take(struct allowedips *table, const void *owner, uint32_t number) {
  struct owner_prefixes *place = find(&table->owners, owner);
  if (--place->count == 0) {
    forget(table, place);
    return NULL;
  }
  bool was_last = number == place->count;
  if (!was_last) place->prefixes[number] = place->prefixes[place->count];
  if (place->count < place->capacity / 4) resize_prefixes(table, place, place->capacity / 2);
  return was_last ? NULL : &place->prefixes[number];
}

const struct prefix *owners_any(const struct allowedips *table, const void *owner) {
  if (table->owners.capacity == 0) return NULL;
  const struct owner_prefixes *place = find(&table->owners, owner);
  return place->count > 0 ? &place->prefixes[place->count - 1] : NULL;
}

void owners_free(struct allowedips *table) {
  for (size_t i = 0; i < table->owners.capacity; i++) free(table->owners.places[i].prefixes);
  free(table->owners.places);
}
