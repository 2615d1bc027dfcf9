/* What the files of the way out share among themselves. */
#ifndef WG_TS_OUTBOUND_INNER_H
#define WG_TS_OUTBOUND_INNER_H

#include "outbound.h"

bool outbound_init_tun(struct outbound *out);
void outbound_destroy_tun(struct outbound *out);

/* The key to send under, or NULL: none, or it is too old. */
struct keypair *outbound_keypair(struct peer *peer, uint64_t now);

/*
 * Seals a packet under a counter that is ours alone; the bytes of its datagram. `packet` has what
 * `aead_seal` wants around it.
 */
size_t outbound_seal(struct outbound *out, struct peer *peer, const struct wg_ts_endpoint *to,
                     const struct keypair *keypair, uint64_t counter, uint8_t *packet,
                     size_t length);

/* Counts what was sealed, and tells the control plane. */
void outbound_sent(struct peer *peer, uint64_t bytes, uint64_t last_counter, uint32_t traffic,
                   uint64_t now);

#endif
