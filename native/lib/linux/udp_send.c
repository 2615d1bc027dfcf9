#include <errno.h>
#include <netinet/in.h>
#include <poll.h>

#include "peer.h"
#include "udp.h"

/* How long a full socket queue may delay a thread, in milliseconds. */
#define QUEUE_PATIENCE 5

static size_t encode_name(const struct wg_ts_endpoint *to, struct sockaddr_storage *name) {
  if (to->family == 4) {
    struct sockaddr_in *in = (struct sockaddr_in *)name;
    *in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(to->port)};
    memcpy(&in->sin_addr, to->address, 4);
    return sizeof *in;
  }
  struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)name;
  *in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(to->port)};
  in6->sin6_scope_id = to->scope;
  memcpy(&in6->sin6_addr, to->address, 16);
  return sizeof *in6;
}

static void add_control(struct msghdr *header, int level, int type, const void *data,
                        size_t length) {
  struct cmsghdr *control =
      (struct cmsghdr *)((uint8_t *)header->msg_control + header->msg_controllen);
  control->cmsg_level = level;
  control->cmsg_type = type;
  control->cmsg_len = CMSG_LEN(length);
  memcpy(CMSG_DATA(control), data, length);
  header->msg_controllen += CMSG_SPACE(length);
}

/*
 * Only the address is given, not the interface that it was asked at, so that datagrams follow a change of
 * routes at once.
 */
static void add_source(struct msghdr *header, const struct wg_ts_endpoint *to) {
  if (to->family == 4) {
    struct in_pktinfo info = {.ipi_ifindex = 0};
    memcpy(&info.ipi_spec_dst, to->source, 4);
    add_control(header, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
  } else {
    struct in6_pktinfo info = {.ipi6_ifindex = to->interface_index};
    memcpy(&info.ipi6_addr, to->source, 16);
    add_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
  }
}

static void encode(struct udp_headers *headers, size_t i, const struct udp_message *message) {
  struct msghdr *header = &headers->headers[i].msg_hdr;
  headers->vectors[i] = (struct iovec){message->bytes, message->length};
  *header = (struct msghdr){
      .msg_name = &headers->names[i],
      .msg_namelen = (socklen_t)encode_name(&message->to, &headers->names[i]),
      .msg_iov = &headers->vectors[i],
      .msg_iovlen = 1,
      .msg_control = headers->controls[i],
  };
  if (message->count > 1) {
    const uint16_t size = (uint16_t)message->segment_size;
    add_control(header, SOL_UDP, UDP_SEGMENT, &size, sizeof size);
  }
  if (endpoint_has_source(&message->to)) add_source(header, &message->to);
  if (message->traffic_class != 0) {
    const int value = message->traffic_class;
    if (message->to.family == 4)
      add_control(header, IPPROTO_IP, IP_TOS, &value, sizeof value);
    else
      add_control(header, IPPROTO_IPV6, IPV6_TCLASS, &value, sizeof value);
  }
  if (header->msg_controllen == 0) header->msg_control = NULL;
}

/* Returns 0 or errno; waits a little when the queue is full. */
static int send_encoded(struct udp_sockets *sockets, struct udp_headers *headers, int fd, size_t i) {
  for (bool has_waited = false;;) {
    udp_count(&sockets->sends, 1);
    if (sendmsg(fd, &headers->headers[i].msg_hdr, MSG_DONTWAIT) >= 0) return 0;
    if (errno == EINTR) continue;
    if (errno != EAGAIN || has_waited) return errno;
    struct pollfd writable = {.fd = fd, .events = POLLOUT};
    poll(&writable, 1, QUEUE_PATIENCE);
    has_waited = true;
  }
}

static void send_one_by_one(struct udp_sockets *sockets, struct udp_headers *headers, int fd,
                            size_t i, const struct udp_message *run) {
  struct udp_message one = *run;
  one.count = 1;
  for (size_t at = 0; at < run->length; at += run->segment_size) {
    one.bytes = run->bytes + at;
    one.length = run->length - at < run->segment_size ? run->length - at : run->segment_size;
    encode(headers, i, &one);
    int error = send_encoded(sockets, headers, fd, i);
    if (error != 0)
      udp_lost(sockets, &one, error);
    else
      udp_count(&sockets->datagrams, 1);
  }
}

/* Returns whether our own address or its interface is gone, so that the system should choose another. */
static bool is_about_source(int error) {
  return error == EINVAL || error == ENODEV || error == EADDRNOTAVAIL || error == ENETUNREACH ||
         error == EHOSTUNREACH || error == ENETDOWN || error == ENXIO;
}

static void send_refused(struct udp_sockets *sockets, struct udp_headers *headers, int fd, size_t i,
                         struct udp_message *message, int error) {
  if (error == EAGAIN) error = send_encoded(sockets, headers, fd, i);
  if (error != 0 && is_about_source(error) && endpoint_has_source(&message->to)) {
    endpoint_forget_source(&message->to);
    if (message->peer) peer_forget_source(message->peer);
    encode(headers, i, message);
    error = send_encoded(sockets, headers, fd, i);
  }
  if (error == 0) {
    udp_count(&sockets->datagrams, message->count);
    return;
  }
  /* EMSGSIZE: the path MTU is less than a datagram; the system fragments datagrams that are sent singly. */
  const bool is_of_system = error == EIO || error == EINVAL || error == ENOPROTOOPT;
  if (message->count > 1 && (is_of_system || error == EMSGSIZE)) {
    if (is_of_system) atomic_store_explicit(&sockets->joins, false, memory_order_relaxed);
    send_one_by_one(sockets, headers, fd, i, message);
    return;
  }
  udp_lost(sockets, message, error);
}

/* Returns how many messages from `first` on go through one socket. */
static size_t batch_length(const struct udp_message *messages, size_t first, size_t end) {
  size_t i = first + 1;
  while (i < end && messages[i].to.family == messages[first].to.family) i++;
  return i - first;
}

static void send_batch(struct udp_sockets *sockets, struct udp_headers *headers, int fd,
                       struct udp_message *messages, size_t message_count) {
  for (size_t i = 0; i < message_count; i++) encode(headers, i, &messages[i]);
  for (size_t done = 0; done < message_count;) {
    int sent = sendmmsg(fd, &headers->headers[done], (unsigned)(message_count - done), MSG_DONTWAIT);
    udp_count(&sockets->sends, 1);
    for (int i = 0; i < sent; i++) udp_count(&sockets->datagrams, messages[done++].count);
    if (sent > 0 || errno == EINTR) continue;
    send_refused(sockets, headers, fd, done, &messages[done], errno);
    done++;
  }
}

void udp_send(struct udp_sockets *sockets, struct udp_headers *headers,
              struct udp_message *messages, size_t message_count) {
  for (size_t first = 0; first < message_count;) {
    const size_t length = batch_length(messages, first, message_count);
    const uint16_t family = messages[first].to.family;
    const int fd = udp_socket(sockets, family);
    const bool is_blocked = udp_is_blocked(sockets, family);
    if (fd >= 0 && !is_blocked)
      send_batch(sockets, headers, fd, &messages[first], length);
    else
      for (size_t i = 0; i < length; i++)
        udp_lost(sockets, &messages[first + i], is_blocked ? ENETUNREACH : EAFNOSUPPORT);
    first += length;
  }
}
