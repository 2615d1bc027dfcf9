/*
 * Batches of datagrams: runs of one size and destination are sent as one, which the system or the network
 * card cuts (UDP_SEGMENT, USO), and are received joined (UDP_GRO, URO).
 */
#ifndef WG_TS_UDP_H
#define WG_TS_UDP_H

#include <stdatomic.h>

#include "../wg_ts.h"
#include "common.h"
#include "system.h"

/* Messages of one `udp_send`; each is a datagram or a run of them. */
#define UDP_MESSAGES 64
/* The greatest number of bytes of a run. */
#define UDP_MAX_RUN 65000

/* DSCP AF41, for handshake messages. */
#define HANDSHAKE_TRAFFIC_CLASS 0x88

struct peer;

/* Descriptors, or the handles of Windows, which fit into 32 bits. */
struct udp_sockets {
  /* -1 if there is none. */
  int v4;
  int v6;
  /* Whether runs are sent as one; turned off by the first refusal that is not due to the path. */
  _Atomic bool joins;
  /* Whether received datagrams may be joined. */
  _Atomic bool receives_joined;
  /* Whether datagrams may carry an ECN mark, which Windows does not support everywhere. */
  _Atomic bool sends_marks;
  /* Whether nothing is sent, since it would come back into the tunnel: IPv4, IPv6. */
  _Atomic bool is_blocked[2];
  _Atomic uint64_t sends;
  _Atomic uint64_t datagrams;
  _Atomic uint64_t errors;
  _Atomic int last_error;
};

struct udp_message {
  struct wg_ts_endpoint to;
  /* The peer whose endpoint it is, or NULL. Its source address is forgotten when the system refuses it. */
  struct peer *peer;
  uint8_t *bytes;
  size_t length;
  size_t segment_size;
  uint32_t count;
  uint8_t traffic_class;
  /* A shorter datagram ended the run. */
  bool is_closed;
};

/* The greatest number of buffers that `udp_receive` fills, if each of them is full. */
#define UDP_BUFFERS 8
#define UDP_BUFFER_BYTES 65536

struct udp_received {
  struct wg_ts_endpoint from;
  uint8_t *bytes;
  size_t length;
  /* The size of the datagrams in it; the last may be shorter. */
  size_t segment_size;
  uint8_t traffic_class;
};

/* The system's part: struct udp_headers, struct udp_receiver with `received`, UDP_MAX_SEGMENTS. */
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

/* Sets the options that make the origin and marks of datagrams readable. Returns 0 or errno. */
int udp_prepare(struct udp_sockets *sockets, uint32_t without);

/* Never fails: what the system does not take is counted and lost, as anywhere on the path. */
void udp_send(struct udp_sockets *sockets, struct udp_headers *headers,
              struct udp_message *messages, size_t message_count);

/* Returns false when out of memory. Each buffer has AEAD_HEADROOM before it and AEAD_SLACK after it. */
bool udp_receiver_init(struct udp_receiver *receiver, struct udp_sockets *sockets);
void udp_receiver_destroy(struct udp_receiver *receiver);

/* Returns how many of `received` are filled; 0 when nothing waits, or after a transient failure. */
size_t udp_receive(struct udp_receiver *receiver, int fd);

#endif
