/* The structs for Winsock. Only udp.h includes this. */
#ifndef WG_TS_UDP_SYSTEM_H
#define WG_TS_UDP_SYSTEM_H

#include <ws2tcpip.h>

#include <mswsock.h>

/* The limit of USO. */
#define UDP_MAX_SEGMENTS 512

/* Each message is a separate call, with everything it needs on the stack. */
struct udp_headers {
  uint8_t unused;
};

/* Calls of one `udp_receive`. Together they return no more bytes than UDP_BUFFERS full buffers. */
#define UDP_RECEIVES 64

struct udp_receiver {
  struct udp_sockets *sockets;
  struct udp_received received[UDP_RECEIVES];
  uint8_t *memory;
  /* Winsock has reported the size of joined datagrams at least once, so it always will. */
  bool tells_sizes;
};

#endif
