/*
 * Measures the AllowedIPs table. Prints a line of JSON for each size of it, which allowedips.mjs reads.
 *
 * Half of the prefixes are IPv4, /24 to /32 anywhere; half are IPv6, /48 to /128 in fd00::/32. Each
 * owner has ten. A hit is an address within a randomly chosen prefix; a miss is an address without an
 * owner.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "allowedips.h"

#define ADDRESSES (1U << 16)
#define ROUNDS 16
#define REPEATS 5

struct wanted {
  int family;
  unsigned length;
  uint8_t address[16];
};

static uint64_t state = 1;
/* The sums of the results, so that the compiler cannot leave out a lookup. */
static volatile uintptr_t keep;

/* xorshift64*: the same table each time. */
static uint32_t draw(void) {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (uint32_t)(state * 0x2545f4914f6cdd1dU >> 32);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void draw_address(uint8_t *address, int family) {
  for (size_t i = 0; i < 16; i += 4) {
    uint32_t word = draw();
    memcpy(address + i, &word, 4);
  }
  if (family == 4) return;
  address[0] = 0xfd;
  memset(address + 1, 0, 3);
}

static struct wanted draw_prefix(size_t i) {
  struct wanted prefix = {i % 2 == 0 ? 4 : 6, 0, {0}};
  draw_address(prefix.address, prefix.family);
  prefix.length = prefix.family == 4 ? 24 + draw() % 9 : 48 + draw() % 81;
  return prefix;
}

/* Keeps the prefix, and draws the bits after it at random. */
static void draw_within(const struct wanted *prefix, uint8_t *address) {
  draw_address(address, prefix->family);
  for (unsigned bit = 0; bit < prefix->length; bit++) {
    uint8_t mask = (uint8_t)(0x80U >> bit % 8);
    address[bit / 8] = (uint8_t)((address[bit / 8] & ~mask) | (prefix->address[bit / 8] & mask));
  }
}

static void *find(const struct allowedips *table, int family, const uint8_t *address) {
  return family == 4 ? allowedips_lookup4(table, address) : allowedips_lookup6(table, address);
}

static int compare(const void *a, const void *b) {
  double difference = *(const double *)a - *(const double *)b;
  return (difference > 0) - (difference < 0);
}

/* One round of lookups, which the processor can overlap. */
static uintptr_t look_up_all(const struct allowedips *table, int family, uint8_t (*addresses)[16]) {
  uintptr_t sum = 0;
  for (size_t i = 0; i < ADDRESSES; i++)
    sum += (uintptr_t)find(table, family, addresses[i]) & 0xffff;
  return sum;
}

/* The same, but the index of the next address (always i) depends on the previous result. */
static uintptr_t look_up_alone(const struct allowedips *table, int family,
                               uint8_t (*addresses)[16]) {
  uintptr_t sum = 0;
  for (size_t i = 0; i < ADDRESSES; i++)
    sum += (uintptr_t)find(table, family, addresses[i + (sum >> 62)]) & 0xffff;
  return sum;
}

typedef uintptr_t (*lookups)(const struct allowedips *table, int family, uint8_t (*addresses)[16]);

/* Returns the median of nanoseconds per lookup. */
static double measure(const struct allowedips *table, int family, uint8_t (*addresses)[16],
                      lookups look_up) {
  double times[REPEATS];
  for (int repeat = 0; repeat < REPEATS; repeat++) {
    double start = now();
    for (int round = 0; round < ROUNDS; round++) keep = look_up(table, family, addresses);
    times[repeat] = (now() - start) / ((double)ROUNDS * ADDRESSES);
  }
  qsort(times, REPEATS, sizeof times[0], compare);
  return times[REPEATS / 2];
}

static void measure_family(const struct allowedips *table, const struct wanted *prefixes,
                           size_t count, int family, uint8_t (*addresses)[16]) {
  for (size_t i = 0; i < ADDRESSES;) {
    const struct wanted *prefix = &prefixes[draw() % count];
    if (prefix->family == family) draw_within(prefix, addresses[i++]);
  }
  printf("\"hit%d\":%.1f,", family, measure(table, family, addresses, look_up_all));
  printf("\"alone%d\":%.1f,", family, measure(table, family, addresses, look_up_alone));
  /* With a default route there are no misses. */
  if (prefixes[0].length == 0) return;
  for (size_t i = 0; i < ADDRESSES;) {
    draw_address(addresses[i], family);
    if (!find(table, family, addresses[i])) i++;
  }
  printf("\"miss%d\":%.1f,", family, measure(table, family, addresses, look_up_all));
}

static void *owner_of(size_t i) { return (void *)(uintptr_t)(0x1000 + i / 10 * 64); }

static void retire(void *context, void *memory) {
  (void)context;
  free(memory);
}

/* A size of 0 means the two default routes. */
static void measure_size(size_t size) {
  size_t count = size == 0 ? 2 : size;
  struct wanted *prefixes = calloc(count, sizeof *prefixes);
  uint8_t(*addresses)[16] = calloc(ADDRESSES, sizeof *addresses);
  if (!prefixes || !addresses) exit(1);
  for (size_t i = 0; i < count; i++) {
    prefixes[i] = draw_prefix(i);
    if (size == 0) prefixes[i].length = 0;
  }
  double start = now();
  struct allowedips *table = allowedips_new(retire, NULL);
  if (!table) exit(1);
  for (size_t i = 0; i < count; i++) {
    const struct wanted *prefix = &prefixes[i];
    if (!allowedips_insert(table, prefix->family, prefix->address, prefix->length, owner_of(i)))
      exit(1);
  }
  double insert = (now() - start) / (double)count;
  printf("{\"prefixes\":%zu,\"insert\":%.0f,\"bytes\":%zu,", size, insert,
         allowedips_memory(table));
  measure_family(table, prefixes, count, 4, addresses);
  if (count > 1) measure_family(table, prefixes, count, 6, addresses);
  start = now();
  for (size_t i = 0; i < count; i += 10) allowedips_remove_owner(table, owner_of(i));
  printf("\"remove\":%.0f}\n", (now() - start) / (double)count);
  fflush(stdout);
  allowedips_free(table);
  free(addresses);
  free(prefixes);
}

int main(void) {
  const size_t sizes[] = {0, 1, 100, 10000, 100000};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) measure_size(sizes[i]);
  return 0;
}
