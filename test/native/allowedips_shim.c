/*
 * What the tests of the table of allowed IPs see of its memory. Linked with --wrap for the four
 * functions, so that it counts the blocks and can refuse one.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "allowedips.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);

/* How many blocks are in use, and how many more may be taken: negative for any number. */
static _Atomic int blocks;
static _Atomic int allowance = -1;

static bool may_allocate(void) {
  if (atomic_load(&allowance) < 0) return true;
  if (atomic_load(&allowance) == 0) return false;
  atomic_fetch_sub(&allowance, 1);
  return true;
}

static void *counted(void *memory) {
  if (memory) atomic_fetch_add(&blocks, 1);
  return memory;
}

void *__wrap_malloc(size_t size) { return may_allocate() ? counted(__real_malloc(size)) : NULL; }

void *__wrap_calloc(size_t count, size_t size) {
  return may_allocate() ? counted(__real_calloc(count, size)) : NULL;
}

void *__wrap_realloc(void *memory, size_t size) {
  if (!may_allocate()) return NULL;
  void *other = __real_realloc(memory, size);
  if (!memory) counted(other);
  return other;
}

void __wrap_free(void *memory) {
  if (memory) atomic_fetch_sub(&blocks, 1);
  __real_free(memory);
}

int shim_blocks(void);
void shim_allow(int allocations);
struct allowedips *shim_new(void);

int shim_blocks(void) { return atomic_load(&blocks); }
void shim_allow(int allocations) { atomic_store(&allowance, allocations); }

/*
 * Nobody reads when only one thread uses the table. Overwritten, so that it is noticed when the
 * writer itself still uses what it gave away.
 */
static void retire(void *context, void *memory) {
  (void)context;
  memset(memory, 0xee, 16);
  free(memory);
}

struct allowedips *shim_new(void) { return allowedips_new(retire, NULL); }
