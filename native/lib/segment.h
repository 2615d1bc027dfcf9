/*
 * Cuts the packet that one read of a TUN device with IFF_VNET_HDR returns into packets that fit the MTU,
 * with correct lengths, checksums and flags: TCP segmentation (TSO) and UDP segmentation (USO) in
 * software. A packet that is not to be cut but lacks its checksum gets it.
 */
#ifndef WG_TS_SEGMENT_H
#define WG_TS_SEGMENT_H

#include "common.h"

/* struct virtio_net_hdr of linux/virtio_net.h, in host byte order. */
struct vnet_header {
  uint8_t flags;
  uint8_t gso_type;
  uint16_t hdr_len;
  uint16_t gso_size;
  uint16_t csum_start;
  uint16_t csum_offset;
};

#define VNET_HEADER_SIZE 10

enum { VNET_NEEDS_CSUM = 1, VNET_DATA_VALID = 2 };
enum {
  VNET_GSO_NONE = 0,
  VNET_GSO_TCPV4 = 1,
  VNET_GSO_UDP = 3,
  VNET_GSO_TCPV6 = 4,
  VNET_GSO_UDP_L4 = 5,
  VNET_GSO_ECN = 0x80,
};

/* Room for IPv4 with options, or IPv6 with extension headers, and a TCP header with options. */
#define SEGMENT_MAX_HEADERS 256

struct segments {
  uint8_t *packet;
  size_t length;
  /* Length of the IP and transport headers together, 0 when the packet is not to be cut. */
  size_t headers_length;
  size_t transport_offset;
  size_t segment_size;
  uint32_t count;
  uint32_t index;
  bool is_v4;
  bool is_tcp;
  /* Values of the whole packet: fields that differ between segments are zero in `headers`. */
  uint8_t tcp_flags;
  uint16_t ipv4_id;
  uint32_t sequence;
  /* Sums of `headers`; the second includes the pseudo-header without its length. */
  uint64_t ipv4_sum;
  uint64_t transport_sum;
  uint8_t headers[SEGMENT_MAX_HEADERS];
};

/*
 * Begins with the packet of `length` bytes at `packet`. The segments are built within it, overwriting it
 * step by step. `length` counts, whatever the lengths in its headers are. Returns false when header and
 * packet do not fit together; nothing outside of the packet is ever read. Afterwards `count` is the number
 * of segments (1 or more, at most 65535).
 */
bool segments_begin(struct segments *s, const struct vnet_header *header, uint8_t *packet,
                    size_t length);

/*
 * Returns the length of the next segment, and in `*segment` where it begins, within the packet; 0 after
 * the last one. The headers of a segment are written right before its payload, over the end of the
 * previous segment, which is then gone. The caller may overwrite the segment and everything before it,
 * but nothing after it.
 */
size_t segments_next(struct segments *s, uint8_t **segment);

#endif
