/* The inbound path of a datagram: from the socket to the TUN queue. */
#ifndef WG_TS_INBOUND_H
#define WG_TS_INBOUND_H

#include "device.h"
#include "outbound.h"

/* The bytes that one batch can open to, with the headroom of each packet. */
#define OPENED_BYTES ((size_t)UDP_BUFFERS * (UDP_BUFFER_BYTES + 64 * AEAD_HEADROOM))

struct inbound {
  struct task *task;
  /* For the staged packets of a key that was just confirmed. */
  struct outbound *replies;
  struct udp_receiver receiver;
  struct coalescer coalescer;
  uint8_t *opened;
  size_t used;
  /* For a joined packet that the system refuses; allocated when needed. */
  uint8_t *cut_memory;
};

/* Returns false when out of memory. */
bool inbound_init(struct inbound *in, struct task *task, struct outbound *replies);
void inbound_destroy(struct inbound *in);

/* Processes datagrams that wait at a socket, up to a limit. Returns false when there were none. */
bool inbound_serve(struct inbound *in, int fd, uint64_t now);

/* Handles the content of one receive buffer: one datagram or a run of them, valid or not. */
void inbound_handle(struct inbound *in, const struct udp_received *received, uint64_t now);

/* Passes a packet, joined or alone, to the system; the sink of the coalescer. */
void inbound_write(void *context, const struct iovec *parts, int part_count, size_t length,
                   uint32_t packet_count);

#endif
