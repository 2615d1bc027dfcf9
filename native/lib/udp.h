/*
 * Batches of datagrams through one system call: runs of one size and target go out as one that the
 * system or the network card cuts (UDP_SEGMENT), and come in joined (UDP_GRO).
 */
#ifndef WG_TS_UDP_H
#define WG_TS_UDP_H

#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "../wg_ts.h"
#include "common.h"

/* Messages of one sendmmsg(2); each a datagram or a run of them. */
#define UDP_MESSAGES 64
/* Datagrams in one run: more only since Linux 6.9. And their bytes in all. */
#define UDP_MAX_SEGMENTS 64
#define UDP_MAX_RUN 65000

/* DSCP AF41, of handshake messages. */
#define HANDSHAKE_TRAFFIC_CLASS 0x88

struct peer;

struct udp_sockets {
  /* -1 for none. */
  int v4;
  int v6;
  /* Runs are sent as one; switched off by the first refusal that is not the path's. */
  _Atomic bool joins;
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

/* The structs of one call; kept, because to clear them costs more than to fill them. */
struct udp_headers {
  struct mmsghdr headers[UDP_MESSAGES];
  struct iovec vectors[UDP_MESSAGES];
  struct sockaddr_storage names[UDP_MESSAGES];
  _Alignas(16) uint8_t controls[UDP_MESSAGES][128];
};

/* What a datagram's origin and marks are read from. 0, or errno. */
int udp_prepare(struct udp_sockets *sockets, uint32_t without);

/* Never fails: what the system does not take is counted and lost, as anywhere on the way. */
void udp_send(struct udp_sockets *sockets, struct udp_headers *headers,
              struct udp_message *messages, size_t message_count);

/* Buffers of one recvmmsg(2). */
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

struct udp_receiver {
  struct mmsghdr headers[UDP_BUFFERS];
  struct iovec vectors[UDP_BUFFERS];
  struct sockaddr_storage names[UDP_BUFFERS];
  _Alignas(16) uint8_t controls[UDP_BUFFERS][192];
  struct udp_received received[UDP_BUFFERS];
  uint8_t *memory;
};

/* False without memory. Each buffer has AEAD_HEADROOM before it and AEAD_SLACK behind. */
bool udp_receiver_init(struct udp_receiver *receiver);
void udp_receiver_destroy(struct udp_receiver *receiver);

/* How many of `received` are filled; 0 when nothing waits or something failed in passing. */
size_t udp_receive(struct udp_receiver *receiver, int fd);

#endif
