/*
 * Cryptokey routing: which peer a destination belongs to, and which source addresses a peer may use
 * (section 2 of the WireGuard paper). The longest prefix decides, and a prefix has one owner at a
 * time.
 *
 * One thread changes it; any number of threads look up at the same time, without a lock. A lookup
 * during changes sees each prefix on its way as it was at some moment since the lookup began. What
 * a change takes out of the table is not freed but given to `retire`, because a reader may still be
 * in it; whoever made the table frees it when all readers are known to have left. In a large table
 * that is about 3 KiB for each prefix, so it should not wait for the end of a great many changes.
 */
#ifndef WG_TS_ALLOWEDIPS_H
#define WG_TS_ALLOWEDIPS_H

#include "common.h"

struct allowedips;

/*
 * Takes memory from malloc(3) that readers which began before may still see; to be given to free(3)
 * when they are gone. Called from within a change: must not change the table.
 */
typedef void (*allowedips_retire)(void *context, void *memory);

/* NULL without memory. */
struct allowedips *allowedips_new(allowedips_retire retire, void *context);

/* Frees it at once: no reader may be left. */
void allowedips_free(struct allowedips *table);

/*
 * `address` has 4 bytes for family 4 and 16 for family 6, in network order; bits beyond `length`
 * are ignored. `owner` is never NULL. A prefix that another one has is moved. False without memory,
 * and then every lookup answers as before; also for another family, or too great a length.
 */
bool allowedips_insert(struct allowedips *table, int family, const uint8_t *address,
                       unsigned length, void *owner);

/* Takes exactly this prefix away from `owner`. False when it has not got it; needs no memory. */
bool allowedips_remove(struct allowedips *table, int family, const uint8_t *address,
                       unsigned length, const void *owner);

/* Takes all of its prefixes away, at a cost for each of them only; needs no memory. */
void allowedips_remove_owner(struct allowedips *table, const void *owner);

/* The owner of the longest prefix with the address in it, or NULL. Any thread. */
void *allowedips_lookup4(const struct allowedips *table, const uint8_t address[4]);
void *allowedips_lookup6(const struct allowedips *table, const uint8_t address[16]);

/* Bytes of memory in use, without what was retired. Only in the thread that changes it. */
size_t allowedips_memory(const struct allowedips *table);

#endif
