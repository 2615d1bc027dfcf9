/* The headers that each segment of a packet gets a copy of. Only segment*.c include this. */
#ifndef WG_TS_SEGMENT_HEADERS_H
#define WG_TS_SEGMENT_HEADERS_H

#include "segment.h"

struct segment_headers {
  bool is_v4;
  bool is_tcp;
  size_t transport_offset;
  /* The length of the IP and transport headers together. */
  size_t length;
};

/*
 * Finds the headers in a packet that is to be cut. Returns false unless they are complete and of the
 * kind that `header` says, with the checksum where it says.
 */
bool segment_headers_find(struct segment_headers *found, const struct vnet_header *header,
                          const uint8_t *packet, size_t length);

#endif
