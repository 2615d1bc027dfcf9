/*
 * What the table of allowed IPs is made of: a trie that takes 6 bits of an address at each step and
 * skips those in which nothing branches. Only allowedips*.c include this.
 *
 * All that follows one step lies in one array, with the prefixes themselves in it: the caches hold
 * packets rather than this table, so that a lookup costs what it touches, and that is about one
 * line for a step. The entries of an array never change their places. To add one or to take one
 * out, the array is copied, and so is the one above it, which tells what entries there are; then
 * one store puts both copies in place.
 */
#ifndef WG_TS_ALLOWEDIPS_TRIE_H
#define WG_TS_ALLOWEDIPS_TRIE_H

#include <stdatomic.h>

#include "allowedips.h"

/* Bits from the left; IPv4 is the first 32 of them. */
struct address {
  uint64_t high;
  uint64_t low;
};

/* Bits behind the length are as they were given, and never looked at. */
struct prefix {
  struct address address;
  uint8_t length;
  uint8_t family;
};

/*
 * Which entries an array has, in this order: what is longer, by the 6 bits that it has in the step;
 * then the prefixes that end within the step. Of those, (1 << n | v) is the one whose last n bits
 * are v: so those with one address in them are in the order of their length.
 */
struct layout {
  uint64_t longer;
  uint64_t ending;
};

/* Readers may see all of it but `number`. Only `target` and `number` change. */
struct entry {
  struct address address;
  /* A route's owner, or NULL for one that was taken away; a branch's array. */
  _Atomic(void *) target;
  /* A route's among those of its owner. */
  uint32_t number;
  /* A route's prefix length; for a branch, where its step begins: the bits before are in common. */
  uint8_t length;
  bool is_branch;
  /* Of a branch: of each array that its target ever is. */
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

/* How many leading bits both have in common. */
static inline unsigned common_bits(const struct address *a, const struct address *b) {
  if (a->high != b->high) return (unsigned)__builtin_clzll(a->high ^ b->high);
  if (a->low != b->low) return 64U + (unsigned)__builtin_clzll(a->low ^ b->low);
  return 128;
}

/* The bits of a step. None reaches into the second word: the first ends with 4 bits, and two 0. */
static inline unsigned step_at(const struct address *address, unsigned position) {
  uint64_t word = position < 64 ? address->high : address->low;
  return (unsigned)(word << (position & 63) >> (64 - STEP));
}

/* The index of an entry, by its bit. */
static inline unsigned index_of_longer(const struct layout *layout, uint64_t bit) {
  return count_bits(layout->longer & (bit - 1));
}

static inline unsigned index_of_ending(const struct layout *layout, uint64_t bit) {
  return count_bits(layout->longer) + count_bits(layout->ending & (bit - 1));
}

/* The entries of the prefixes that end within the step and have this address in them. */
static inline uint64_t ending_along(unsigned step) {
  return BIT(1) | BIT(2 | step >> 5) | BIT(4 | step >> 4) | BIT(8 | step >> 3) |
         BIT(16 | step >> 2) | BIT(32 | step >> 1);
}

/* allowedips_trie.c */

/* The route of exactly this prefix, also one that was taken away; or NULL. */
struct entry *trie_find(struct allowedips *table, const struct prefix *prefix);
/* Adds one that is not there. False without memory, and then nothing has changed. */
bool trie_add(struct allowedips *table, const struct prefix *prefix, uint32_t number, void *owner);
/* Takes one away that is there. Without memory its entry stays, without an owner. */
void trie_take(struct allowedips *table, const struct prefix *prefix);
/* Frees it: no reader may be left. */
void trie_free(struct allowedips *table);

/* allowedips_owners.c */

/* False without memory, and then nothing has changed. */
bool owners_add(struct allowedips *table, const void *owner, const struct prefix *prefix,
                uint32_t *number);
/* Answers the prefix that has this number instead now, or NULL. */
const struct prefix *owners_take(struct allowedips *table, const void *owner, uint32_t number);
/* Any one of its prefixes, or NULL when it has none. */
const struct prefix *owners_any(const struct allowedips *table, const void *owner);
void owners_free(struct allowedips *table);

#endif
