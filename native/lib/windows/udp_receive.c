#include <stdlib.h>

#include "aead.h"
#include "joined.h"
#include "udp_calls.h"
#include "winsock.h"

#define ALIGNMENT 64
#define MEMORY ((size_t)UDP_BUFFERS * (UDP_BUFFER_BYTES + 2 * ALIGNMENT))

_Static_assert(AEAD_HEADROOM <= ALIGNMENT && AEAD_SLACK <= ALIGNMENT, "room around each");

bool udp_receiver_init(struct udp_receiver *receiver, struct udp_sockets *sockets) {
  memset(receiver, 0, sizeof *receiver);
  receiver->sockets = sockets;
  /* Only the pages that are touched take memory. */
  receiver->memory = malloc(MEMORY);
  return receiver->memory != NULL;
}

void udp_receiver_destroy(struct udp_receiver *receiver) {
  free(receiver->memory);
  receiver->memory = NULL;
}

static void decode_control(struct udp_receiver *receiver, const WSACMSGHDR *control, DWORD value,
                           struct udp_received *received) {
  const int level = control->cmsg_level, type = control->cmsg_type;
  if (level == IPPROTO_UDP && type == UDP_COALESCED_INFO && value > 0) {
    received->segment_size = value;
    receiver->tells_sizes = true;
  } else if ((level == IPPROTO_IP && type == IP_ECN) ||
             (level == IPPROTO_IPV6 && type == IPV6_ECN)) {
    received->traffic_class = (uint8_t)value;
  }
}

static void decode_controls(struct udp_receiver *receiver, const WSABUF *controls,
                            struct udp_received *received) {
  DWORD value;
  for (size_t at = 0; at + CONTROL_HEADER + sizeof value <= controls->len;) {
    const WSACMSGHDR *control = (const WSACMSGHDR *)(controls->buf + at);
    if (control->cmsg_len < CONTROL_HEADER || control->cmsg_len > controls->len - at) return;
    memcpy(&value, control + 1, sizeof value);
    if (control->cmsg_len >= CONTROL_HEADER + sizeof value)
      decode_control(receiver, control, value, received);
    at += CONTROL_SPACE(control->cmsg_len - CONTROL_HEADER);
  }
}

/* Some machines join datagrams without reporting it; what arrives this way must not be lost. */
static void find_untold(struct udp_receiver *receiver, struct udp_received *received) {
  struct udp_sockets *sockets = receiver->sockets;
  if (receiver->tells_sizes || received->segment_size != received->length) return;
  if (!atomic_load_explicit(&sockets->receives_joined, memory_order_relaxed)) return;
  const size_t size = joined_size(received->bytes, received->length);
  if (size == 0) return;
  received->segment_size = size;
  udp_stop_receiving_joined(sockets);
}

/* Returns 0 or Winsock's error. */
static int receive_one(struct udp_receiver *receiver, SOCKET socket,
                       struct udp_received *received) {
  _Alignas(16) char controls[128];
  SOCKADDR_INET name;
  WSABUF buffer = {.buf = (char *)received->bytes, .len = UDP_BUFFER_BYTES};
  WSAMSG header = {
      .name = (SOCKADDR *)&name,
      .namelen = sizeof name,
      .lpBuffers = &buffer,
      .dwBufferCount = 1,
      .Control = {.buf = controls, .len = sizeof controls},
  };
  DWORD length = 0;
  if (udp_calls.receive_message(socket, &header, &length, NULL, NULL) != 0)
    return WSAGetLastError();
  received->length = received->segment_size = length;
  received->traffic_class = 0;
  decode_controls(receiver, &header.Control, received);
  find_untold(receiver, received);
  if (!decode_name(&name, &received->from) || (header.dwFlags & MSG_TRUNC)) received->length = 0;
  return 0;
}

/* A call returns one datagram or run; many calls make a batch, so that more of a flow is joined. */
size_t udp_receive(struct udp_receiver *receiver, int socket) {
  size_t filled = 0, used = 0;
  for (int calls = 0; calls < UDP_RECEIVES; calls++) {
    if (used + UDP_BUFFER_BYTES + 2 * ALIGNMENT > MEMORY) break;
    struct udp_received *received = &receiver->received[filled];
    received->bytes = receiver->memory + used + ALIGNMENT;
    const int error = receive_one(receiver, socket_of(socket), received);
    if (error == WSAEWOULDBLOCK) break;
    /* A transient failure: a datagram was too long, or an ICMP error for what was sent. */
    if (error != 0) continue;
    filled++;
    used += ALIGNMENT + ((received->length + AEAD_SLACK + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1));
  }
  return filled;
}
