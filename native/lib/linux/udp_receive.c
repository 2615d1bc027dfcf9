#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>

#include "aead.h"
#include "udp.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* Not a power of two: buffers at equal offsets would compete for the same cache lines. */
#define STRIDE (AEAD_HEADROOM + UDP_BUFFER_BYTES + AEAD_SLACK + 32 + 37 * 64)

static int set_option(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0 ? 0 : errno;
}

/* Linux before 4.18 ignores the option with a datagram and sends the whole run as a single one. */
static bool can_segment(int fd) {
  int size = 0;
  socklen_t length = sizeof size;
  return getsockopt(fd, SOL_UDP, UDP_SEGMENT, &size, &length) == 0;
}

int udp_prepare(struct udp_sockets *sockets, uint32_t without) {
  const int gro = !(without & WG_TS_WITHOUT_UDP_GRO);
  atomic_init(&sockets->joins, !(without & WG_TS_WITHOUT_UDP_SEGMENT));
  atomic_init(&sockets->receives_joined, gro != 0);
  atomic_init(&sockets->sends_marks, true);
  const int any = sockets->v4 >= 0 ? sockets->v4 : sockets->v6;
  if (!can_segment(any)) atomic_store(&sockets->joins, false);
  /* Linux before 5.0 refuses GRO, which is not essential. */
  int error = 0;
  if (sockets->v4 >= 0) {
    set_option(sockets->v4, SOL_UDP, UDP_GRO, gro);
    if (!error) error = set_option(sockets->v4, IPPROTO_IP, IP_PKTINFO, 1);
    if (!error) error = set_option(sockets->v4, IPPROTO_IP, IP_RECVTOS, 1);
  }
  if (sockets->v6 >= 0) {
    set_option(sockets->v6, SOL_UDP, UDP_GRO, gro);
    if (!error) error = set_option(sockets->v6, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    if (!error) error = set_option(sockets->v6, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
  }
  return error;
}

bool udp_receiver_init(struct udp_receiver *receiver, struct udp_sockets *sockets) {
  (void)sockets;
  memset(receiver, 0, sizeof *receiver);
  /* Only the pages that are touched take memory. */
  receiver->memory = malloc((size_t)UDP_BUFFERS * STRIDE);
  if (!receiver->memory) return false;
  for (size_t i = 0; i < UDP_BUFFERS; i++) {
    receiver->received[i].bytes = receiver->memory + i * STRIDE + AEAD_HEADROOM;
    receiver->vectors[i] = (struct iovec){receiver->received[i].bytes, UDP_BUFFER_BYTES};
    receiver->headers[i].msg_hdr = (struct msghdr){
        .msg_name = &receiver->names[i],
        .msg_namelen = sizeof receiver->names[i],
        .msg_iov = &receiver->vectors[i],
        .msg_iovlen = 1,
        .msg_control = receiver->controls[i],
        .msg_controllen = sizeof receiver->controls[i],
    };
  }
  return true;
}

void udp_receiver_destroy(struct udp_receiver *receiver) {
  free(receiver->memory);
  receiver->memory = NULL;
}

static bool decode_name(const struct sockaddr_storage *name, struct wg_ts_endpoint *from) {
  *from = (struct wg_ts_endpoint){0};
  if (name->ss_family == AF_INET) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)name;
    from->family = 4;
    from->port = ntohs(in->sin_port);
    memcpy(from->address, &in->sin_addr, 4);
    return true;
  }
  const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)name;
  if (name->ss_family != AF_INET6) return false;
  from->family = 6;
  from->port = ntohs(in6->sin6_port);
  memcpy(from->address, &in6->sin6_addr, 16);
  /* Only a link-local address needs its scope. */
  if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr)) from->scope = in6->sin6_scope_id;
  return true;
}

static void decode_control(const struct cmsghdr *control, struct udp_received *received) {
  const void *data = CMSG_DATA(control);
  const int level = control->cmsg_level, type = control->cmsg_type;
  if (level == SOL_UDP && type == UDP_GRO) {
    int size;
    memcpy(&size, data, sizeof size);
    if (size > 0) received->segment_size = (size_t)size;
  } else if (level == IPPROTO_IP && type == IP_TOS) {
    memcpy(&received->traffic_class, data, 1);
  } else if (level == IPPROTO_IPV6 && type == IPV6_TCLASS) {
    int value;
    memcpy(&value, data, sizeof value);
    received->traffic_class = (uint8_t)value;
  } else if (level == IPPROTO_IP && type == IP_PKTINFO) {
    struct in_pktinfo info;
    memcpy(&info, data, sizeof info);
    memcpy(received->from.source, &info.ipi_spec_dst, 4);
  } else if (level == IPPROTO_IPV6 && type == IPV6_PKTINFO) {
    struct in6_pktinfo info;
    memcpy(&info, data, sizeof info);
    memcpy(received->from.source, &info.ipi6_addr, 16);
    /* As with its scope: only a link-local address belongs to one interface. */
    if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) received->from.interface_index = info.ipi6_ifindex;
  }
}

static void decode(struct udp_receiver *receiver, size_t i) {
  struct msghdr *header = &receiver->headers[i].msg_hdr;
  struct udp_received *received = &receiver->received[i];
  received->length = receiver->headers[i].msg_len;
  received->traffic_class = 0;
  received->segment_size = received->length;
  if (!decode_name(&receiver->names[i], &received->from) || (header->msg_flags & MSG_TRUNC))
    received->length = 0;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c))
    decode_control(c, received);
  header->msg_namelen = sizeof receiver->names[i];
  header->msg_controllen = sizeof receiver->controls[i];
  header->msg_flags = 0;
}

size_t udp_receive(struct udp_receiver *receiver, int fd) {
  int filled = recvmmsg(fd, receiver->headers, UDP_BUFFERS, MSG_DONTWAIT, NULL);
  for (int i = 0; i < filled; i++) decode(receiver, (size_t)i);
  return filled > 0 ? (size_t)filled : 0;
}
