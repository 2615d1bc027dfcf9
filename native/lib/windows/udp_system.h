/* What Winsock is given and gives. Only udp.h includes this. */
#ifndef WG_TS_UDP_SYSTEM_H
#define WG_TS_UDP_SYSTEM_H

#include <ws2tcpip.h>

#include <mswsock.h>

/* Of USO. */
#define UDP_MAX_SEGMENTS 512

/* Each message is a call of its own, and has all that it needs on the stack. */
struct udp_headers {
  uint8_t unused;
};

/* Calls of one `udp_receive`. Together they fill no more than UDP_BUFFERS that are full. */
#define UDP_RECEIVES 64

struct udp_receiver {
  struct udp_sockets *sockets;
  struct udp_received received[UDP_RECEIVES];
  uint8_t *memory;
  /* Winsock has told the size of joined datagrams at least once: it will always do. */
  bool tells_sizes;
};

#endif
