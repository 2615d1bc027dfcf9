/*
 * Lookups while another thread changes the table. Each prefix has owners of its own that tell which
 * one it is, so that every answer can be judged: it must have the address in it, and be no shorter
 * than the longest prefix around the address that stays in the table all the time.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "allowedips.h"
#include "epoch.h"

#define PREFIXES 256
#define OWNERS 2
#define READERS 2
#define LOOKUPS 32

struct owner {
  int family;
  unsigned length;
  uint8_t address[16];
};

struct race {
  struct epoch epoch;
  struct allowedips *table;
  struct owner owners[PREFIXES][OWNERS];
  _Atomic bool is_over;
  _Atomic unsigned lookups;
  _Atomic unsigned wrong;
};

struct reader {
  struct race *race;
  struct epoch_reader *reader;
  uint64_t random;
  pthread_t thread;
};

int allowedips_race(unsigned seed, unsigned changes);

static uint32_t draw(uint64_t *state) {
  *state = *state * 6364136223846793005U + 1442695040888963407U;
  return (uint32_t)(*state >> 33);
}

/* Few different bits, so that prefixes nest and meet. */
static void draw_address(uint64_t *random, int family, uint8_t *address) {
  memset(address, 0, 16);
  address[0] = family == 4 ? 10 : 0xfd;
  unsigned bytes = family == 4 ? 4 : 16;
  for (int i = 0; i < 3; i++) {
    unsigned bit = 8 + draw(random) % (bytes * 8 - 8);
    address[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
  }
}

static bool has_address(const struct owner *owner, int family, const uint8_t *address) {
  if (owner->family != family) return false;
  for (unsigned bit = 0; bit < owner->length; bit++) {
    unsigned shift = 7 - bit % 8;
    if (((owner->address[bit / 8] ^ address[bit / 8]) >> shift & 1) != 0) return false;
  }
  return true;
}

/* The first two cover all addresses that are asked for; they and every fourth stay. */
static bool stays(unsigned i) { return i < 2 || i % 4 == 0; }

static bool is_right(const struct race *race, int family, const uint8_t *address,
                     const struct owner *found) {
  if (!found || !has_address(found, family, address)) return false;
  for (unsigned i = 0; i < PREFIXES; i++) {
    const struct owner *owner = &race->owners[i][0];
    if (stays(i) && owner->length > found->length && has_address(owner, family, address))
      return false;
  }
  return true;
}

static void *read_table(void *argument) {
  struct reader *reader = argument;
  struct race *race = reader->race;
  while (!atomic_load(&race->is_over)) {
    epoch_enter(&race->epoch, reader->reader);
    for (int i = 0; i < LOOKUPS; i++) {
      uint8_t address[16];
      int family = draw(&reader->random) % 2 == 0 ? 4 : 6;
      draw_address(&reader->random, family, address);
      const struct owner *found = family == 4 ? allowedips_lookup4(race->table, address)
                                              : allowedips_lookup6(race->table, address);
      if (!is_right(race, family, address, found)) atomic_fetch_add(&race->wrong, 1);
      atomic_fetch_add(&race->lookups, 1);
    }
    epoch_leave(reader->reader);
  }
  return NULL;
}

static void retire(void *context, void *memory) {
  struct race *race = context;
  epoch_retire_memory(&race->epoch, memory);
}

static bool insert(struct race *race, unsigned i, unsigned which) {
  struct owner *owner = &race->owners[i][which];
  return allowedips_insert(race->table, owner->family, owner->address, owner->length, owner);
}

static bool is_drawn(const struct race *race, unsigned count, const struct owner *owner) {
  for (unsigned i = 0; i < count; i++) {
    const struct owner *other = &race->owners[i][0];
    if (other->length == owner->length && has_address(other, owner->family, owner->address))
      return true;
  }
  return false;
}

/* No two are the same: a prefix has one owner at a time, and would go with another one. */
static void draw_prefixes(struct race *race, uint64_t *random) {
  for (unsigned i = 0; i < PREFIXES;) {
    struct owner owner = {i % 2 == 0 ? 4 : 6, 8, {0}};
    draw_address(random, owner.family, owner.address);
    if (i >= 2) owner.length += 1 + draw(random) % (owner.family == 4 ? 24 : 120);
    if (is_drawn(race, i, &owner)) continue;
    for (unsigned which = 0; which < OWNERS; which++) race->owners[i][which] = owner;
    i++;
  }
}

/* Puts one in, gives it to the other of its owners, or takes it away. */
static bool change(struct race *race, uint64_t *random) {
  unsigned i = draw(random) % PREFIXES;
  unsigned which = draw(random) % OWNERS;
  const struct owner *owner = &race->owners[i][which];
  uint32_t kind = draw(random) % 4;
  if (stays(i) || kind < 2) return insert(race, i, which);
  if (kind == 2)
    allowedips_remove(race->table, owner->family, owner->address, owner->length, owner);
  else
    allowedips_remove_owner(race->table, owner);
  return true;
}

/* How many answers were wrong; negative when there was no race. */
int allowedips_race(unsigned seed, unsigned changes) {
  uint64_t random = seed;
  struct race here = {.table = NULL}, *race = &here;
  epoch_init(&race->epoch);
  race->table = allowedips_new(retire, race);
  draw_prefixes(race, &random);
  bool is_done = race->table != NULL;
  for (unsigned i = 0; is_done && i < PREFIXES; i++) is_done = !stays(i) || insert(race, i, 0);
  struct reader readers[READERS];
  unsigned started = 0;
  for (; is_done && started < READERS; started++) {
    struct reader *reader = &readers[started];
    *reader = (struct reader){race, &race->epoch.readers[started], seed + started + 1, 0};
    if (pthread_create(&reader->thread, NULL, read_table, reader) != 0) break;
  }
  /* On a busy machine it goes on until there were lookups. */
  for (unsigned i = 0; is_done && i < 100 * changes; i++) {
    if (i >= changes && atomic_load(&race->lookups) >= changes) break;
    is_done = change(race, &random);
    epoch_reclaim_if_any(&race->epoch);
  }
  atomic_store(&race->is_over, true);
  for (unsigned i = 0; i < started; i++) pthread_join(readers[i].thread, NULL);
  int wrong = is_done && started == READERS ? (int)atomic_load(&race->wrong) : -1;
  if (race->table) allowedips_free(race->table);
  epoch_destroy(&race->epoch);
  return wrong;
}
