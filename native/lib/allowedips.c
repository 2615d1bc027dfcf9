#include <stdlib.h>

#include "allowedips_trie.h"

static uint64_t load_be64(const uint8_t *p) {
  return (uint64_t)load_be32(p) << 32 | load_be32(p + 4);
}

/* Returns false when family or length are invalid. */
static bool prefix_read(struct prefix *prefix, int family, const uint8_t *address,
                        unsigned length) {
  if (family != 4 && family != 6) return false;
  if (length > (family == 4 ? 32 : 128)) return false;
  prefix->family = (uint8_t)family;
  prefix->length = (uint8_t)length;
  if (family == 4)
    prefix->address = (struct address){(uint64_t)load_be32(address) << 32, 0};
  else
    prefix->address = (struct address){load_be64(address), load_be64(address + 8)};
  return true;
}

struct allowedips *allowedips_new(allowedips_retire retire, void *context) {
  struct allowedips *table = malloc(sizeof *table);
  if (!table) return NULL;
  atomic_init(&table->roots[0], NULL);
  atomic_init(&table->roots[1], NULL);
  table->owners = (struct owners){NULL, 0, 0};
  table->retire = retire;
  table->context = context;
  table->memory = sizeof *table;
  return table;
}

void allowedips_free(struct allowedips *table) {
  trie_free(table);
  owners_free(table);
  free(table);
}

/* Takes the number of a prefix from its owner, and updates the prefix that gets the number instead. */
static void disown(struct allowedips *table, const void *owner, uint32_t number) {
  const struct prefix *moved = owners_take(table, owner, number);
  if (moved) trie_find(table, moved)->number = number;
}

bool allowedips_insert(struct allowedips *table, int family, const uint8_t *address,
                       unsigned length, void *owner) {
  struct prefix prefix;
  if (!prefix_read(&prefix, family, address, length)) return false;
  struct entry *route = trie_find(table, &prefix);
  void *previous = route ? target_of(&route->target) : NULL;
  if (previous == owner) return true;
  uint32_t number;
  if (!owners_add(table, owner, &prefix, &number)) return false;
  if (!route) {
    if (trie_add(table, &prefix, number, owner)) return true;
    owners_take(table, owner, number);
    return false;
  }
  if (previous) disown(table, previous, route->number);
  route->number = number;
  set_target(&route->target, owner);
  return true;
}

bool allowedips_remove(struct allowedips *table, int family, const uint8_t *address,
                       unsigned length, const void *owner) {
  struct prefix prefix;
  if (!prefix_read(&prefix, family, address, length)) return false;
  const struct entry *route = trie_find(table, &prefix);
  if (!route || target_of(&route->target) != owner) return false;
  disown(table, owner, route->number);
  trie_take(table, &prefix);
  return true;
}

void allowedips_remove_owner(struct allowedips *table, const void *owner) {
  for (const struct prefix *any; (any = owners_any(table, owner)) != NULL;) {
    struct prefix prefix = *any;
    disown(table, owner, trie_find(table, &prefix)->number);
    trie_take(table, &prefix);
  }
}

size_t allowedips_memory(const struct allowedips *table) { return table->memory; }
