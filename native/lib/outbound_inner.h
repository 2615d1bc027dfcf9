/* Shared by the files of the outbound path only. */
#ifndef WG_TS_OUTBOUND_INNER_H
#define WG_TS_OUTBOUND_INNER_H

#include "outbound.h"

struct vnet_header;

/* Sealed bytes after which they are sent. */
#define OUTBOUND_FLUSH_AT 60000

/* Depends on the system. Returns false when out of memory. */
bool outbound_init_tun(struct outbound *out);
void outbound_destroy_tun(struct outbound *out);

/*
 * Handles one packet, or a large one from the system that is to be cut into many. Overwrites its memory
 * and what is around it (AEAD_HEADROOM, AEAD_SLACK); only where `vnet` requests nothing and the cipher is
 * `aead_evp` is it merely read.
 */
void outbound_handle_packet(struct outbound *out, const struct vnet_header *vnet, uint8_t *packet,
                            size_t length, uint64_t now);

/* Returns the keypair to send under, or NULL when there is none or it is too old. */
struct keypair *outbound_keypair(struct peer *peer, uint64_t now);

/*
 * Seals a packet under a counter that no other caller has. Returns the bytes of its datagram. `packet`
 * has around it what `aead_seal` needs.
 */
size_t outbound_seal(struct outbound *out, struct peer *peer, const struct wg_ts_endpoint *to,
                     const struct keypair *keypair, uint64_t counter, uint8_t *packet,
                     size_t length);

/* Counts what was sealed, and reports it to the control plane. */
void outbound_sent(struct peer *peer, uint64_t bytes, uint64_t last_counter, uint32_t traffic,
                   uint64_t now);

#endif
