/*
 * The table of allowed IPs against a list that is searched from end to end, with memory that runs
 * out now and then, and then with readers: a program of its own for what sanitizers have to say.
 */
#include <stdio.h>
#include <stdlib.h>

#include "allowedips.h"

#define OWNERS 8
#define MOST 512
#define CHANGES 8000

int shim_blocks(void);
void shim_allow(int allocations);
int allowedips_race(unsigned seed, unsigned changes);

struct known {
  int family;
  unsigned length;
  uint8_t address[16];
  char *owner;
};

static uint64_t state = 1;
static struct known list[MOST];
static size_t count;
static char owners[OWNERS];
static struct allowedips *table;

static uint32_t draw(void) {
  state = state * 6364136223846793005U + 1442695040888963407U;
  return (uint32_t)(state >> 33);
}

static bool bit_of(const uint8_t *address, unsigned bit) {
  return (address[bit / 8] >> (7 - bit % 8) & 1) != 0;
}

/* Few different bits, so that prefixes nest and meet. */
static struct known draw_prefix(void) {
  struct known prefix = {draw() % 2 == 0 ? 4 : 6, 0, {0}, &owners[draw() % OWNERS]};
  unsigned bits = prefix.family == 4 ? 32 : 128;
  for (int i = 0; i < 2; i++) {
    unsigned bit = draw() % bits;
    prefix.address[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
  }
  prefix.length = draw() % (bits + 1);
  return prefix;
}

static bool is_within(const uint8_t *address, int family, const struct known *prefix) {
  if (prefix->family != family) return false;
  for (unsigned bit = 0; bit < prefix->length; bit++) {
    if (bit_of(address, bit) != bit_of(prefix->address, bit)) return false;
  }
  return true;
}

static struct known *find(const struct known *prefix) {
  for (size_t i = 0; i < count; i++) {
    if (list[i].length == prefix->length && is_within(prefix->address, prefix->family, &list[i]))
      return &list[i];
  }
  return NULL;
}

static void check(bool is_right, const char *what) {
  if (is_right) return;
  fprintf(stderr, "wrong: %s\n", what);
  exit(1);
}

static void insert(const struct known *prefix) {
  struct known *known = find(prefix);
  if (!known && count == MOST) return;
  bool is_done =
    allowedips_insert(table, prefix->family, prefix->address, prefix->length, prefix->owner);
  if (!is_done) return;
  if (known)
    known->owner = prefix->owner;
  else
    list[count++] = *prefix;
}

static void take(const struct known *prefix) {
  struct known *known = find(prefix);
  bool has = known && known->owner == prefix->owner;
  bool is_done =
    allowedips_remove(table, prefix->family, prefix->address, prefix->length, prefix->owner);
  check(is_done == has, "remove");
  if (has) *known = list[--count];
}

static void take_owner(const char *owner) {
  allowedips_remove_owner(table, owner);
  for (size_t i = count; i-- > 0;) {
    if (list[i].owner == owner) list[i] = list[--count];
  }
}

static void look_up(void) {
  struct known at = draw_prefix();
  const struct known *best = NULL;
  for (size_t i = 0; i < count; i++) {
    if (best && list[i].length <= best->length) continue;
    if (is_within(at.address, at.family, &list[i])) best = &list[i];
  }
  const void *found = at.family == 4 ? allowedips_lookup4(table, at.address)
                                     : allowedips_lookup6(table, at.address);
  check(found == (best ? best->owner : NULL), "lookup");
}

/* A lookup that begins now must not come across it any more. */
static void retire(void *context, void *memory) {
  (void)context;
  free(memory);
  const uint8_t zero[16] = {0};
  allowedips_lookup4(table, zero);
  allowedips_lookup6(table, zero);
}

int main(void) {
  table = allowedips_new(retire, NULL);
  if (!table) return 1;
  for (int i = 0; i < CHANGES; i++) {
    struct known prefix = draw_prefix();
    uint32_t kind = draw() % 64;
    shim_allow(draw() % 4 == 0 ? (int)(draw() % 4) : -1);
    if (kind < 40)
      insert(&prefix);
    else if (kind < 63)
      take(draw() % 2 == 0 || count == 0 ? &prefix : &list[draw() % count]);
    else
      take_owner(prefix.owner);
    shim_allow(-1);
    for (int j = 0; j < 8; j++) look_up();
  }
  for (int i = 0; i < OWNERS; i++) take_owner(&owners[i]);
  check(count == 0, "the list");
  allowedips_free(table);
  check(shim_blocks() == 0, "blocks are left");
  check(allowedips_race(1, 3000) == 0, "lookups during changes");
  check(shim_blocks() == 0, "blocks are left of the race");
  return 0;
}
