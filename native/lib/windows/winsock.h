/* Shared by udp_send.c and udp_receive.c, with what MinGW's headers lack of ws2ipdef.h. */
#ifndef WG_TS_WINSOCK_H
#define WG_TS_WINSOCK_H

#include "udp.h"

#ifndef UDP_SEND_MSG_SIZE
#define UDP_SEND_MSG_SIZE 2
#define UDP_RECV_MAX_COALESCED_SIZE 3
#define UDP_COALESCED_INFO 3
#endif
#ifndef IP_RECVECN
#define IP_RECVECN 50
#endif
#ifndef IPV6_RECVECN
#define IPV6_RECVECN 50
#endif
#ifndef SIO_UDP_NETRESET
#define SIO_UDP_NETRESET _WSAIOW(IOC_VENDOR, 15)
#endif

/*
 * A control message: its header, followed by data of up to 8 bytes. (The macros for it in MinGW's headers
 * use signed numbers, which the compiler warns about.)
 */
#define CONTROL_HEADER sizeof(WSACMSGHDR)
#define CONTROL_SPACE(length) (CONTROL_HEADER + (((size_t)(length) + 7) & ~(size_t)7))
_Static_assert(CONTROL_HEADER == 16, "the data of a control message is aligned");

static inline SOCKET socket_of(int socket) { return (SOCKET)(uint32_t)socket; }

static inline INT encode_name(const struct wg_ts_endpoint *to, SOCKADDR_INET *name) {
  memset(name, 0, sizeof *name);
  if (to->family == 4) {
    name->Ipv4.sin_family = AF_INET;
    name->Ipv4.sin_port = htons(to->port);
    memcpy(&name->Ipv4.sin_addr, to->address, 4);
    return sizeof name->Ipv4;
  }
  name->Ipv6.sin6_family = AF_INET6;
  name->Ipv6.sin6_port = htons(to->port);
  name->Ipv6.sin6_scope_id = to->scope;
  memcpy(&name->Ipv6.sin6_addr, to->address, 16);
  return sizeof name->Ipv6;
}

static inline bool decode_name(const SOCKADDR_INET *name, struct wg_ts_endpoint *from) {
  *from = (struct wg_ts_endpoint){0};
  if (name->si_family == AF_INET) {
    from->family = 4;
    from->port = ntohs(name->Ipv4.sin_port);
    memcpy(from->address, &name->Ipv4.sin_addr, 4);
    return true;
  }
  if (name->si_family != AF_INET6) return false;
  from->family = 6;
  from->port = ntohs(name->Ipv6.sin6_port);
  memcpy(from->address, &name->Ipv6.sin6_addr, 16);
  /* Only a link-local address needs its scope. */
  if (IN6_IS_ADDR_LINKLOCAL(&name->Ipv6.sin6_addr)) from->scope = name->Ipv6.sin6_scope_id;
  return true;
}

#endif
