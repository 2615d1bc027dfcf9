/* Where one datagram of WireGuard ends and the next begins, when the system does not tell. */
#ifndef WG_TS_JOINED_H
#define WG_TS_JOINED_H

#include "common.h"

/*
 * The length of the first transport message in `bytes`, when others of the same session follow it
 * directly: they begin with the same type and receiver index, and counters that differ little. 0 when
 * it is alone. That ciphertext looks like it happens once in 2^96.
 */
size_t joined_size(const uint8_t *bytes, size_t length);

#endif
