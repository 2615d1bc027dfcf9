/* The way of a packet out: from the TUN queue, or from those staged, to the socket. */
#ifndef WG_TS_OUTBOUND_H
#define WG_TS_OUTBOUND_H

#include "device.h"

/* Type, receiver index and counter before a sealed packet; with the tag behind it, the overhead. */
#define TRANSPORT_HEADER 16
#define TRANSPORT_OVERHEAD (TRANSPORT_HEADER + AEAD_TAG)

struct outbound {
  struct task *task;
  /* Sealed datagrams, one behind the other. */
  uint8_t *memory;
  uint8_t *datagrams;
  size_t used;
  size_t message_count;
  struct udp_message messages[UDP_MESSAGES];
  struct udp_headers headers;
  /* Or it only answers what comes in. */
  bool reads_tun;
  /* What one read of the TUN queue brings, where the system wants memory for it. */
  uint8_t *packet_memory;
};

static inline bool outbound_reads_tun(const struct outbound *out) {
  return out->reads_tun && device_has_tun(out->task->worker->device);
}

/* `reads_tun`: whether it serves a TUN queue. False without memory. */
bool outbound_init(struct outbound *out, struct task *task, bool reads_tun);
void outbound_destroy(struct outbound *out);

/* Reads and sends what waits in the TUN queue, up to a limit; false when nothing did. */
bool outbound_serve(struct outbound *out, uint64_t now);

/* Seals and sends the staged packets of a peer; what has no key goes back. */
void outbound_send_staged(struct outbound *out, struct peer *peer, uint64_t now);
/* The staged packets, else an empty one. */
void outbound_send_keepalive(struct outbound *out, struct peer *peer, uint64_t now);
/* A handshake message or cookie reply as it is. `peer` or NULL. */
void outbound_send_message(struct outbound *out, const struct wg_ts_endpoint *to, struct peer *peer,
                           const uint8_t *message, size_t length);
/* Whatever was sealed leaves. */
void outbound_flush(struct outbound *out);

#endif
