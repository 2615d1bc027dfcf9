/*
 * Cuts what the kernel hands over in one read of a TUN device with IFF_VNET_HDR into packets that
 * fit the MTU, with correct lengths, checksums and flags: TCP segmentation (TSO) and UDP
 * segmentation (USO) in software. A packet that is not to be cut but lacks its checksum gets it.
 */
#ifndef WG_TS_SEGMENT_H
#define WG_TS_SEGMENT_H

#include "common.h"

/* struct virtio_net_hdr of linux/virtio_net.h, in the order of bytes of this machine. */
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

/* IPv4 with options, or IPv6 with extension headers; and a TCP header with options. */
#define SEGMENT_MAX_HEADERS 256

struct segments {
  uint8_t *packet;
  size_t length;
  /* Of IP and transport together, 0 when the packet is not to be cut. */
  size_t headers_length;
  size_t transport_offset;
  size_t segment_size;
  uint32_t count;
  uint32_t index;
  bool is_v4;
  bool is_tcp;
  /* Of the whole packet: what differs between segments is zero in `headers`. */
  uint8_t tcp_flags;
  uint16_t ipv4_id;
  uint32_t sequence;
  /* Of `headers`, the second one with the pseudo-header but for its length. */
  uint64_t ipv4_sum;
  uint64_t transport_sum;
  uint8_t headers[SEGMENT_MAX_HEADERS];
};

/*
 * Begins with the packet of `length` bytes at `packet`, which the segments will be made within: it
 * is overwritten step by step. `length` counts, whatever the lengths in its headers are. False when
 * header and packet do not fit together; nothing is read outside of the packet whatever they say.
 * `count` tells afterwards how many segments there will be (1 or more, at most 65535).
 */
bool segments_begin(struct segments *s, const struct vnet_header *header, uint8_t *packet,
                    size_t length);

/*
 * The next segment: its length, and in `*segment` where it begins, within the packet. 0 after the
 * last one. The headers of a segment are written right before its payload, over the end of the
 * segment before, which therefore is gone. The caller may overwrite everything before the segment
 * and the segment itself, and nothing behind it.
 */
size_t segments_next(struct segments *s, uint8_t **segment);

#endif
