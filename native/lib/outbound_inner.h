/* What the files of the way out share among themselves. */
#ifndef WG_TS_OUTBOUND_INNER_H
#define WG_TS_OUTBOUND_INNER_H

#include "outbound.h"

struct vnet_header;

/* Sealed bytes until they leave. */
#define OUTBOUND_FLUSH_AT 60000

/* Of the system. False without memory. */
bool outbound_init_tun(struct outbound *out);
void outbound_destroy_tun(struct outbound *out);

/*
 * One packet, or a large one of the system's to be cut into many. Its memory and what is around it
 * (AEAD_HEADROOM, AEAD_SLACK) is used up; only where `vnet` asks for nothing and the cipher is
 * `aead_evp` it is but read.
 */
void outbound_handle_packet(struct outbound *out, const struct vnet_header *vnet, uint8_t *packet,
                            size_t length, uint64_t now);

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
