/* The lookup for each packet. It writes nothing and takes no lock. */
#include "allowedips_trie.h"

/* Returns the owner of the longest of these routes, without those that have lost their owner. */
static inline __attribute__((always_inline)) void *
longest_owner(const struct entry *array, const struct layout *layout, uint64_t routes) {
  while (routes != 0) {
    uint64_t bit = BIT(63 - __builtin_clzll(routes));
    void *owner = target_of(&array[index_of_ending(layout, bit)].target);
    if (LIKELY(owner != NULL)) return owner;
    routes ^= bit;
  }
  return NULL;
}

/* Inlined into each caller, to be optimized for its kind of address and processor. */
static inline __attribute__((always_inline)) void *find(const struct entry *entry,
                                                        struct address address) {
  void *best = NULL;
  while (entry && common_bits(&entry->address, &address) >= entry->length) {
    void *target = target_of(&entry->target);
    if (!entry->is_branch) return target ? target : best;
    const struct entry *array = target;
    const struct layout *layout = &entry->layout;
    unsigned step = step_at(&address, entry->length);
    uint64_t routes = layout->ending & ending_along(step);
    if (routes != 0) {
      void *owner = longest_owner(array, layout, routes);
      if (LIKELY(owner != NULL)) best = owner;
    }
    if ((layout->longer & BIT(step)) == 0) return best;
    entry = &array[index_of_longer(layout, BIT(step))];
  }
  return best;
}

static void *find_anywhere(const struct entry *root, struct address address) {
  return find(root, address);
}

#if defined(__x86_64__)
/* Counts bits with an instruction that the oldest of these processors lack. */
__attribute__((target("popcnt"))) static void *find_with_popcnt(const struct entry *root,
                                                                struct address address) {
  return find(root, address);
}

static inline bool has_popcnt(void) { return __builtin_cpu_supports("popcnt") != 0; }
#else
#define find_with_popcnt find_anywhere
static inline bool has_popcnt(void) { return true; }
#endif

static inline void *lookup(const _Atomic(void *) *root, struct address address) {
  const struct entry *entry = target_of(root);
  return LIKELY(has_popcnt()) ? find_with_popcnt(entry, address) : find_anywhere(entry, address);
}

void *allowedips_lookup4(const struct allowedips *table, const uint8_t address[4]) {
  return lookup(&table->roots[0], (struct address){(uint64_t)load_be32(address) << 32, 0});
}

void *allowedips_lookup6(const struct allowedips *table, const uint8_t address[16]) {
  uint64_t high = (uint64_t)load_be32(address) << 32 | load_be32(address + 4);
  uint64_t low = (uint64_t)load_be32(address + 8) << 32 | load_be32(address + 12);
  return lookup(&table->roots[1], (struct address){high, low});
}
