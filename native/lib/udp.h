/*
 * Batches of datagrams: runs of one size and target go out as one that the system or the network card
 * cuts (UDP_SEGMENT, USO), and come in joined (UDP_GRO, URO).
 */
#ifndef WG_TS_UDP_H
#define WG_TS_UDP_H

#include <stdatomic.h>

#include "../wg_ts.h"
#include "common.h"
#include "system.h"

/* Messages of one `udp_send`; each a datagram or a run of them. */
#define UDP_MESSAGES 64
/* The bytes of one run. */
#define UDP_MAX_RUN 65000

/* DSCP AF41, of handshake messages. */
#define HANDSHAKE_TRAFFIC_CLASS 0x88

struct peer;

/* Descriptors, or the handles of Windows, which fit into 32 bits. */
struct udp_sockets {
  /* -1 for none. */
  int v4;
  int v6;
  /* Runs are sent as one; switched off by the first refusal that is not the path's. */
  _Atomic bool joins;
  /* What is received may be joined. */
  _Atomic bool receives_joined;
  /* Datagrams may carry an ECN mark; Windows cannot tell it everywhere. */
  _Atomic bool sends_marks;
  /* Nothing leaves, since it would come back into the tunnel: IPv4, IPv6. */
  _Atomic bool is_blocked[2];
  _Atomic uint64_t sends;
  _Atomic uint64_t datagrams;
  _Atomic uint64_t errors;
  _Atomic int last_error;
};

struct udp_message {
  struct wg_ts_endpoint to;
  /* Whose endpoint it is, to forget our own address in when the system refuses it; or NULL. */
  struct peer *peer;
  uint8_t *bytes;
  size_t length;
  size_t segment_size;
  uint32_t count;
  uint8_t traffic_class;
  /* A shorter datagram ended the run. */
  bool is_closed;
};

/* Buffers that `udp_receive` fills at most, if each has all that it can hold. */
#define UDP_BUFFERS 8
#define UDP_BUFFER_BYTES 65536

struct udp_received {
  struct wg_ts_endpoint from;
  uint8_t *bytes;
  size_t length;
  /* Of the datagrams in it; the last may be shorter. */
  size_t segment_size;
  uint8_t traffic_class;
};

/* What else a system needs: struct udp_headers, struct udp_receiver with `received`, UDP_MAX_SEGMENTS. */
#include "udp_system.h"

static inline int udp_socket(const struct udp_sockets *sockets, uint16_t family) {
  return family == 4 ? sockets->v4 : sockets->v6;
}

static inline bool udp_is_blocked(const struct udp_sockets *sockets, uint16_t family) {
  return atomic_load_explicit(&sockets->is_blocked[family != 4], memory_order_relaxed);
}

static inline void udp_count(_Atomic uint64_t *counter, uint64_t n) {
  atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline void udp_lost(struct udp_sockets *sockets, const struct udp_message *message,
                            int error) {
  udp_count(&sockets->errors, message->count);
  atomic_store_explicit(&sockets->last_error, error, memory_order_relaxed);
}

/* What a datagram's origin and marks are read from. 0, or errno. */
int udp_prepare(struct udp_sockets *sockets, uint32_t without);

/* Never fails: what the system does not take is counted and lost, as anywhere on the way. */
void udp_send(struct udp_sockets *sockets, struct udp_headers *headers,
              struct udp_message *messages, size_t message_count);

/* False without memory. Each buffer has AEAD_HEADROOM before it and AEAD_SLACK behind. */
bool udp_receiver_init(struct udp_receiver *receiver, struct udp_sockets *sockets);
void udp_receiver_destroy(struct udp_receiver *receiver);

/* How many of `received` are filled; 0 when nothing waits or something failed in passing. */
size_t udp_receive(struct udp_receiver *receiver, int fd);

#endif
