/* The way of a datagram in: from the socket to the TUN queue. */
#ifndef WG_TS_INBOUND_H
#define WG_TS_INBOUND_H

#include "device.h"
#include "outbound.h"

/* What one batch opens, with the room that each packet wants before it. */
#define OPENED_BYTES ((size_t)UDP_BUFFERS * (UDP_BUFFER_BYTES + 64 * AEAD_HEADROOM))

struct inbound {
  struct task *task;
  /* For the staged packets of a key that was just confirmed. */
  struct outbound *replies;
  struct udp_receiver receiver;
  struct coalescer coalescer;
  uint8_t *opened;
  size_t used;
  /* For a joined packet that the system refuses; made when it is needed. */
  uint8_t *cut_memory;
};

/* False without memory. */
bool inbound_init(struct inbound *in, struct task *task, struct outbound *replies);
void inbound_destroy(struct inbound *in);

/* Works on what waits at a socket, up to a limit; false when nothing did. */
bool inbound_serve(struct inbound *in, int fd, uint64_t now);

/* What one buffer of the system's brought, whatever is in it: one datagram or a run of them. */
void inbound_handle(struct inbound *in, const struct udp_received *received, uint64_t now);

/* Hands a packet, joined or alone, to the system; the sink of the coalescer. */
void inbound_write(void *context, const struct iovec *parts, int part_count, size_t length,
                   uint32_t packet_count);

#endif
