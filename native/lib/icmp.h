/* The reply to a packet that belongs to no peer, by the rules of protocol/icmp.ts. */
#ifndef WG_TS_ICMP_H
#define WG_TS_ICMP_H

#include "common.h"
#include "system.h"

#define ICMP_MAX_REPLY 1280

struct icmp_limiter {
  struct mutex lock;
  uint64_t tokens;
  uint64_t at;
};

void icmp_limiter_init(struct icmp_limiter *limiter);

/*
 * Writes "host unreachable" (RFC 792) or "address unreachable" (RFC 4443) to `reply`. Returns its length,
 * or 0 where RFC 1122 (3.2.2) or RFC 4443 (2.4) forbid a reply, or above the rate limit. `packet` has a
 * complete IP header; `now` is in nanoseconds.
 */
size_t icmp_unreachable(struct icmp_limiter *limiter, uint64_t now, const uint8_t *packet,
                        size_t length, uint8_t reply[ICMP_MAX_REPLY]);

#endif
