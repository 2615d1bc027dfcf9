/* The outbound path of a packet: from the TUN queue or the staged packets to the socket. */
#ifndef WG_TS_OUTBOUND_H
#define WG_TS_OUTBOUND_H

#include "device.h"

/* Type, receiver index and counter before a sealed packet; with the tag after it, the overhead. */
#define TRANSPORT_HEADER 16
#define TRANSPORT_OVERHEAD (TRANSPORT_HEADER + AEAD_TAG)

struct outbound {
  struct task *task;
  /* Sealed datagrams, one after the other. */
  uint8_t *memory;
  uint8_t *datagrams;
  size_t used;
  size_t message_count;
  struct udp_message messages[UDP_MESSAGES];
  struct udp_headers headers;
  /* False if it only sends in reply to the inbound path. */
  bool reads_tun;
  /* Buffer for one read of the TUN queue, where the system needs one. */
  uint8_t *packet_memory;
};

static inline bool outbound_reads_tun(const struct outbound *out) {
  return out->reads_tun && device_has_tun(out->task->worker->device);
}

/* `reads_tun`: whether it serves a TUN queue. Returns false when out of memory. */
bool outbound_init(struct outbound *out, struct task *task, bool reads_tun);
void outbound_destroy(struct outbound *out);

/* Reads and sends packets from the TUN queue, up to a limit. Returns false when none waited. */
bool outbound_serve(struct outbound *out, uint64_t now);

/* Seals and sends the staged packets of a peer; those without a key are staged again. */
void outbound_send_staged(struct outbound *out, struct peer *peer, uint64_t now);
/* Sends the staged packets, or an empty one if there are none. */
void outbound_send_keepalive(struct outbound *out, struct peer *peer, uint64_t now);
/* Sends a handshake message or cookie reply unchanged. `peer` may be NULL. */
void outbound_send_message(struct outbound *out, const struct wg_ts_endpoint *to, struct peer *peer,
                           const uint8_t *message, size_t length);
/* Sends everything that was sealed. */
void outbound_flush(struct outbound *out);

#endif
