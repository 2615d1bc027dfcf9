/*
 * Joins packets of one TCP or UDP flow, opened one after another, into one of up to 64 KiB, which a
 * TUN device with IFF_VNET_HDR takes with a single write: the reverse of segment.h, by the rules of
 * the kernel's own GRO. The kernel does not verify the checksums of joined packets, so each one is
 * verified here first.
 */
#ifndef WG_TS_COALESCE_H
#define WG_TS_COALESCE_H

#include "common.h"
#include "segment.h"
#include "system.h"

#define COALESCE_FLOWS 8
/* The greatest number of parts: the vnet header, and one for each packet. */
#define COALESCE_MAX_PARTS 128

/*
 * Called with one packet to write: `parts[0]` is the vnet header of 10 bytes, the rest is the packet,
 * `length` bytes without the vnet header. `count` is the number of packets joined in it (1 or more).
 * Everything is valid only until the sink returns.
 */
typedef void (*coalesce_sink)(void *context, const struct iovec *parts, int part_count,
                              size_t length, uint32_t count);

/* A flow, whose packets stay in order: 8 or 32 bytes of addresses; ports, protocol and version. */
struct coalesce_key {
  uint64_t addresses[4];
  uint64_t transport;
};

/* Packets of one flow that wait to be written as one. */
struct coalesce_flow {
  /* The first packet; its headers are rewritten when others are joined to it. */
  uint8_t *first;
  size_t length;
  size_t headers_length;
  size_t transport_offset;
  /* Bytes of payload of each packet, except the last, which may have less. */
  size_t segment_size;
  uint32_t packets;
  /* TCP only. */
  uint32_t next_sequence;
  uint8_t last_flags;
  bool is_tcp;
  bool is_v4;
  /* Every checksum in it is right; not yet known for a single first packet. */
  bool is_verified;
  /* The step from one packet to the next, known from the second one: 0 or 1. */
  uint16_t ipv4_id_step;
  /* The vnet header, the first packet, and the payloads of the others. */
  struct iovec parts[COALESCE_MAX_PARTS];
};

/* About 18 KiB, of which only the part in use is ever touched. */
struct coalescer {
  /* May be cleared at any time, also by the sink. */
  bool tcp;
  bool udp;
  coalesce_sink sink;
  void *context;
  /* `order` has the indices of all flows: those in use, the oldest first, and then the free ones. */
  uint32_t flow_count;
  uint8_t order[COALESCE_FLOWS];
  struct coalesce_key keys[COALESCE_FLOWS];
  struct coalesce_flow flows[COALESCE_FLOWS];
};

/* `tcp`, `udp`: whether packets of that kind are joined (the device accepts such writes). */
void coalescer_init(struct coalescer *c, bool tcp, bool udp, coalesce_sink sink, void *context);

/*
 * Takes an IPv4 or IPv6 packet whose IP header is known to be complete and to have this `length`. Its
 * bytes must not move until `coalescer_flush`. Packets of one flow (protocol, addresses and ports) reach
 * the sink in the order in which they were added. Packets without ports, such as fragments, stay in order
 * with all others between the same addresses. A packet that cannot be joined is passed on unchanged.
 */
void coalescer_add(struct coalescer *c, uint8_t *packet, size_t length);

/* Passes on everything that still waits, in the order in which the first packet of each flow arrived. */
void coalescer_flush(struct coalescer *c);

#endif
