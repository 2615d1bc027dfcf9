/*
 * Cryptokey routing: which peer a destination belongs to, and which source addresses a peer may use
 * (section 2 of the WireGuard paper). The longest prefix decides, and a prefix has one owner at a
 * time.
 *
 * One thread changes the table; any number of threads look up at the same time, without a lock. A
 * lookup during changes sees each prefix on its path as it was at some moment since the lookup began.
 * Memory that a change takes out of the table is not freed but passed to `retire`, because a reader may
 * still be using it; the owner of the table frees it when all readers are known to have left. In a large
 * table that is about 3 KiB for each prefix, so it should not wait until the end of very many changes.
 */
#ifndef WG_TS_ALLOWEDIPS_H
#define WG_TS_ALLOWEDIPS_H

#include "common.h"

struct allowedips;

/*
 * Takes memory from malloc(3) that earlier readers may still see; to be passed to free(3) when they
 * are gone. Called from within a change: must not change the table.
 */
typedef void (*allowedips_retire)(void *context, void *memory);

/* Returns NULL when out of memory. */
struct allowedips *allowedips_new(allowedips_retire retire, void *context);

/* Frees the table at once: no reader may be left. */
void allowedips_free(struct allowedips *table);

/*
 * `address` has 4 bytes for family 4 and 16 for family 6, in network order; bits beyond `length`
 * are ignored. `owner` is never NULL. A prefix of another owner is moved. Returns false when out of
 * memory, with every lookup unchanged, and for any other family or too great a length.
 */
bool allowedips_insert(struct allowedips *table, int family, const uint8_t *address,
                       unsigned length, void *owner);

/* Takes exactly this prefix from `owner`. Returns false when `owner` does not have it; needs no memory. */
bool allowedips_remove(struct allowedips *table, int family, const uint8_t *address,
                       unsigned length, const void *owner);

/* Takes all prefixes from `owner`, at a cost that depends on their number only; needs no memory. */
void allowedips_remove_owner(struct allowedips *table, const void *owner);

/* Return the owner of the longest prefix that contains the address, or NULL. Any thread may call them. */
void *allowedips_lookup4(const struct allowedips *table, const uint8_t address[4]);
void *allowedips_lookup6(const struct allowedips *table, const uint8_t address[16]);

/* Returns the bytes of memory in use, without retired memory. Only for the thread that changes the table. */
size_t allowedips_memory(const struct allowedips *table);

#endif
