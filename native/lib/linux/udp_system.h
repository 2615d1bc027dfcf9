/* The structs of sendmmsg(2) and recvmmsg(2), and what old headers lack of udp(7). Only udp.h includes this. */
#ifndef WG_TS_UDP_SYSTEM_H
#define WG_TS_UDP_SYSTEM_H

#include <netinet/udp.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef SOL_UDP
#define SOL_UDP 17
#endif

/* Datagrams in one run; only Linux 6.9 and later accept more. */
#define UDP_MAX_SEGMENTS 64

/* Kept between calls, because clearing them costs more than filling them. */
struct udp_headers {
  struct mmsghdr headers[UDP_MESSAGES];
  struct iovec vectors[UDP_MESSAGES];
  struct sockaddr_storage names[UDP_MESSAGES];
  _Alignas(16) uint8_t controls[UDP_MESSAGES][128];
};

struct udp_receiver {
  struct mmsghdr headers[UDP_BUFFERS];
  struct iovec vectors[UDP_BUFFERS];
  struct sockaddr_storage names[UDP_BUFFERS];
  _Alignas(16) uint8_t controls[UDP_BUFFERS][192];
  struct udp_received received[UDP_BUFFERS];
  uint8_t *memory;
};

#endif
