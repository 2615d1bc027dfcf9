/* Finds where one datagram of WireGuard ends and the next begins, when the system does not report it. */
#ifndef WG_TS_JOINED_H
#define WG_TS_JOINED_H

#include "common.h"

/*
 * Returns the length of the first transport message in `bytes` if others of the same session follow it
 * directly: they begin with the same type and receiver index, and counters that differ little. Returns 0
 * when it is alone. Ciphertext looks like such a header only once in 2^96.
 */
size_t joined_size(const uint8_t *bytes, size_t length);

#endif
