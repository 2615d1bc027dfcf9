/* What the data plane knows about a peer: its keypair slots, endpoint, staged packets and counts. */
#ifndef WG_TS_PEER_H
#define WG_TS_PEER_H

#include <stdatomic.h>

#include "common.h"
#include "endpoint.h"
#include "epoch.h"
#include "events.h"
#include "keypair.h"
#include "system.h"

/* The greatest number of staged packets; beyond it the oldest is dropped. */
#define MAX_STAGED_PACKETS 128

/* `bytes` has room before and after the packet for `aead_seal`. */
struct staged_packet {
  struct staged_packet *next;
  size_t length;
  uint8_t bytes[];
};

struct staged_packets {
  struct staged_packet *first;
  struct staged_packet **last;
  size_t count;
};

struct peer {
  struct retired retired;
  struct touched touched;
  struct doorbell *doorbell;
  struct peer *next_in_bucket;
  uint32_t id;
  _Atomic bool is_removed;
  /*
   * The slots, by the rules of protocol/keypair.ts. Senders and receivers read them without a lock;
   * changes are made under the lock, and keypairs dropped from their slots are retired.
   */
  _Alignas(64) struct keypair *_Atomic current;
  struct keypair *_Atomic previous;
  struct keypair *_Atomic next;
  struct shared_endpoint endpoint;
  _Alignas(64) _Atomic uint64_t tx_bytes;
  _Alignas(64) _Atomic uint64_t rx_bytes;
  _Alignas(64) struct mutex lock;
  struct staged_packets staged;
  _Atomic bool has_staged;
  /* Initiations sent since the last authentic message was received. */
  _Atomic uint32_t unanswered;
  /* Under the lock: an address of ours that is not to be sent from until this time, in nanoseconds. */
  uint8_t avoided[16];
  uint64_t avoided_until;
};

struct peer *peer_new(uint32_t id, struct doorbell *doorbell);
/* For `epoch_retire`: returns false, to be called again, while the peer is still listed as touched. */
bool peer_destroy(struct retired *retired);

/* The keypairs that a change dropped from their slots. */
struct dropped_keypairs {
  struct keypair *keypairs[3];
  size_t count;
};

void peer_install(struct peer *peer, struct keypair *keypair, struct dropped_keypairs *dropped);
/* Returns whether a message under `keypair` confirms it, so that it must be promoted. */
bool peer_is_confirmed_by(struct peer *peer, const struct keypair *keypair);
/* Returns false when another thread was faster. */
bool peer_promote(struct peer *peer, struct keypair *keypair, struct dropped_keypairs *dropped);
void peer_clear_keypairs(struct peer *peer, struct dropped_keypairs *dropped);

/* Stages a copy of the packet. */
void peer_stage(struct peer *peer, const uint8_t *packet, size_t length);
/* Returns all staged packets, the oldest first; the caller now owns them. */
struct staged_packet *peer_take_staged(struct peer *peer);
/* Puts the list back in front of the packets staged meanwhile. */
void peer_restage(struct peer *peer, struct staged_packet *packets);
void staged_free(struct staged_packet *packets);
static inline uint8_t *staged_bytes(struct staged_packet *packet) {
  return packet->bytes + AEAD_HEADROOM;
}

/*
 * To be called for an authentic message from `from`. Returns whether this changed the peer's address or
 * port. Our own end is stored as well.
 */
bool peer_roam(struct peer *peer, const struct wg_ts_endpoint *from, uint64_t now);
/*
 * Sets the endpoint, which has no source, and lets the system choose our own address again. The one used
 * before is avoided for as long as messages that were sent to it may still arrive.
 */
void peer_place(struct peer *peer, const struct wg_ts_endpoint *endpoint, uint64_t now);
/* Lets the system choose our own address again. */
void peer_forget_source(struct peer *peer);

#endif
