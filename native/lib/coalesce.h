/*
 * Joins packets of one TCP or UDP flow, opened one after another, into one of up to 64 KiB, which a
 * TUN device with IFF_VNET_HDR takes with a single write: the reverse of segment.h, by the rules of
 * the kernel's own GRO. The kernel does not verify the checksum of what is joined, so each one is
 * verified here first.
 */
#ifndef WG_TS_COALESCE_H
#define WG_TS_COALESCE_H

#include "common.h"
#include "segment.h"
#include "system.h"

#define COALESCE_FLOWS 8
/* As many packets and one. */
#define COALESCE_MAX_PARTS 128

/*
 * One packet to write: `parts[0]` is the vnet header of 10 bytes, the rest is the packet, `length`
 * bytes without the vnet header. `count` tells how many packets were joined in it (1 or more). All
 * of it is the sink's only until it returns.
 */
typedef void (*coalesce_sink)(void *context, const struct iovec *parts, int part_count,
                              size_t length, uint32_t count);

/* Whose packets stay in order: 8 or 32 bytes of addresses; ports, protocol and version. */
struct coalesce_key {
  uint64_t addresses[4];
  uint64_t transport;
};

/* Packets of one flow that wait to be written as one. */
struct coalesce_flow {
  /* The first one; its headers are rewritten when it is not alone. */
  uint8_t *first;
  size_t length;
  size_t headers_length;
  size_t transport_offset;
  /* Of payload; all have it but the last, which may be shorter. */
  size_t segment_size;
  uint32_t packets;
  /* TCP only. */
  uint32_t next_sequence;
  uint8_t last_flags;
  bool is_tcp;
  bool is_v4;
  /* Every checksum in it is right; unknown for a first one that is alone. */
  bool is_verified;
  /* From one packet to the next, known by the second one: 0 or 1. */
  uint16_t ipv4_id_step;
  /* The vnet header, the first packet, and the payloads of the others. */
  struct iovec parts[COALESCE_MAX_PARTS];
};

/* Some 18 KiB, of which only what is in use is ever touched. */
struct coalescer {
  /* May be cleared at any time, also by the sink. */
  bool tcp;
  bool udp;
  coalesce_sink sink;
  void *context;
  /* `order` has the places of all flows: those in use, the oldest first, and then the free ones. */
  uint32_t flow_count;
  uint8_t order[COALESCE_FLOWS];
  struct coalesce_key keys[COALESCE_FLOWS];
  struct coalesce_flow flows[COALESCE_FLOWS];
};

/* `tcp`, `udp`: whether packets of that kind are joined (the device accepts such writes). */
void coalescer_init(struct coalescer *c, bool tcp, bool udp, coalesce_sink sink, void *context);

/*
 * Takes an IPv4 or IPv6 packet whose IP header is known to be complete and to tell `length`. Its
 * bytes must stay where they are until `coalescer_flush`. Packets of one flow (protocol, addresses
 * and ports) reach the sink in the order in which they were added; so do those that tell no ports,
 * such as fragments, with all others between the same addresses. What cannot be joined is handed on
 * untouched.
 */
void coalescer_add(struct coalescer *c, uint8_t *packet, size_t length);

/* Hands everything on that still waits, in the order of arrival of each flow's first packet. */
void coalescer_flush(struct coalescer *c);

#endif
