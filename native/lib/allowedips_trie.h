/*
 * The inner structure of the AllowedIPs table: a trie that takes 6 bits of an address at each step and
 * skips steps in which nothing branches. Only allowedips*.c include this.
 *
 * Everything that follows a step lies in one array, including the prefixes themselves: the caches are
 * filled with packets rather than this table, so the cost of a lookup is the number of cache lines it
 * touches, about one per step. The entries of an array never move. To add or remove an entry, the array
 * is copied, and so is the one above it, which records the entries that exist; then one store publishes
 * both copies.
 */
#ifndef WG_TS_ALLOWEDIPS_TRIE_H
#define WG_TS_ALLOWEDIPS_TRIE_H

#include <stdatomic.h>

#include "allowedips.h"

/* Bits from the left; an IPv4 address is in the first 32. */
struct address {
  uint64_t high;
  uint64_t low;
};

/* Bits after the length are kept as given, and never used. */
struct prefix {
  struct address address;
  uint8_t length;
  uint8_t family;
};

/*
 * Which entries an array has, in this order: those that are longer, by their 6 bits in the step; then
 * the prefixes that end within the step. Of the latter, (1 << n | v) is the one whose last n bits are v,
 * so those that contain the same address are in the order of their length.
 */
struct layout {
  uint64_t longer;
  uint64_t ending;
};

/* Readers may see all members except `number`. Only `target` and `number` change. */
struct entry {
  struct address address;
  /* For a route its owner, or NULL for one that was removed; for a branch its array. */
  _Atomic(void *) target;
  /* The number of a route among those of its owner. */
  uint32_t number;
  /* For a route its prefix length; for a branch where its step begins, with the bits before in common. */
  uint8_t length;
  bool is_branch;
  /* For a branch: the layout of every array that its target ever points to. */
  struct layout layout;
};

/* The prefixes of one owner, in no order. */
struct owner_prefixes {
  const void *owner;
  struct prefix *prefixes;
  uint32_t count;
  uint32_t capacity;
};

/* A hash table with open addressing. */
struct owners {
  struct owner_prefixes *places;
  size_t count;
  /* A power of two, or 0. */
  size_t capacity;
};

struct allowedips {
  /* Arrays of one entry, or NULL. */
  _Atomic(void *) roots[2];
  struct owners owners;
  allowedips_retire retire;
  void *context;
  size_t memory;
};

#define STEP 6
#define BIT(n) ((uint64_t)1 << (n))

static inline void *target_of(const _Atomic(void *) *target) {
  return atomic_load_explicit(target, memory_order_acquire);
}

static inline void set_target(_Atomic(void *) *target, void *to) {
  atomic_store_explicit(target, to, memory_order_release);
}

static inline unsigned count_bits(uint64_t bits) { return (unsigned)__builtin_popcountll(bits); }

/* Returns how many leading bits both have in common. */
static inline unsigned common_bits(const struct address *a, const struct address *b) {
  if (a->high != b->high) return (unsigned)__builtin_clzll(a->high ^ b->high);
  if (a->low != b->low) return 64U + (unsigned)__builtin_clzll(a->low ^ b->low);
  return 128;
}

/*
 * Returns the bits of a step. No step crosses into the second word: the last step of the first word has 4
 * bits, followed by two zeros.
 */
static inline unsigned step_at(const struct address *address, unsigned position) {
  uint64_t word = position < 64 ? address->high : address->low;
  return (unsigned)(word << (position & 63) >> (64 - STEP));
}

/* Returns the index of an entry, by its bit. */
static inline unsigned index_of_longer(const struct layout *layout, uint64_t bit) {
  return count_bits(layout->longer & (bit - 1));
}

static inline unsigned index_of_ending(const struct layout *layout, uint64_t bit) {
  return count_bits(layout->longer) + count_bits(layout->ending & (bit - 1));
}

/* Returns the entries of the prefixes that end within the step and contain this address. */
static inline uint64_t ending_along(unsigned step) {
  return BIT(1) | BIT(2 | step >> 5) | BIT(4 | step >> 4) | BIT(8 | step >> 3) |
         BIT(16 | step >> 2) | BIT(32 | step >> 1);
}

/* allowedips_trie.c */

/* Returns the route of exactly this prefix, even one that was removed, or NULL. */
struct entry *trie_find(struct allowedips *table, const struct prefix *prefix);
/* Adds a route that does not exist yet. Returns false when out of memory; then nothing has changed. */
bool trie_add(struct allowedips *table, const struct prefix *prefix, uint32_t number, void *owner);
/* Removes an existing route. When out of memory its entry stays, without an owner. */
void trie_take(struct allowedips *table, const struct prefix *prefix);
/* Frees the trie: no reader may be left. */
void trie_free(struct allowedips *table);

/* allowedips_owners.c */

/* Returns false when out of memory; then nothing has changed. */
bool owners_add(struct allowedips *table, const void *owner, const struct prefix *prefix,
                uint32_t *number);
/* Returns the prefix that now has this number instead, or NULL. */
const struct prefix *owners_take(struct allowedips *table, const void *owner, uint32_t number);
/* Returns any one of the owner's prefixes, or NULL when it has none. */
const struct prefix *owners_any(const struct allowedips *table, const void *owner);
void owners_free(struct allowedips *table);

#endif
