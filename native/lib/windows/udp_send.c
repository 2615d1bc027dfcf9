#include <errno.h>

#include "udp_calls.h"
#include "winsock.h"

/* How long a full socket queue may delay a thread, in milliseconds. */
#define QUEUE_PATIENCE 5

/* ECN, the two bits that Windows lets a program set; the others of the traffic class are its own. */
#define MARK_MASK 3

struct controls {
  _Alignas(16) uint8_t bytes[2 * CONTROL_SPACE(sizeof(DWORD))];
  ULONG length;
};

static void add_control(struct controls *controls, int level, int type, DWORD value) {
  WSACMSGHDR *control = (WSACMSGHDR *)(controls->bytes + controls->length);
  control->cmsg_level = level;
  control->cmsg_type = type;
  control->cmsg_len = CONTROL_HEADER + sizeof value;
  memcpy(control + 1, &value, sizeof value);
  controls->length += (ULONG)CONTROL_SPACE(sizeof value);
}

static void encode_controls(const struct udp_sockets *sockets, const struct udp_message *message,
                            struct controls *controls) {
  const DWORD mark = message->traffic_class & MARK_MASK;
  memset(controls, 0, sizeof *controls);
  if (message->count > 1)
    add_control(controls, IPPROTO_UDP, UDP_SEND_MSG_SIZE, (DWORD)message->segment_size);
  if (mark == 0 || !atomic_load_explicit(&sockets->sends_marks, memory_order_relaxed)) return;
  if (message->to.family == 4)
    add_control(controls, IPPROTO_IP, IP_ECN, mark);
  else
    add_control(controls, IPPROTO_IPV6, IPV6_ECN, mark);
}

/* Returns 0 or Winsock's error. */
static int send_encoded(SOCKET socket, const struct udp_message *message,
                        const struct controls *controls) {
  SOCKADDR_INET name;
  WSABUF buffer = {.buf = (char *)message->bytes, .len = (ULONG)message->length};
  WSAMSG header = {
      .name = (SOCKADDR *)&name,
      .namelen = encode_name(&message->to, &name),
      .lpBuffers = &buffer,
      .dwBufferCount = 1,
  };
  DWORD sent = 0;
  int result;
  if (controls->length == 0) {
    result = WSASendTo(socket, &buffer, 1, &sent, 0, header.name, header.namelen, NULL, NULL);
  } else {
    header.Control.buf = (char *)controls->bytes;
    header.Control.len = controls->length;
    result = udp_calls.send_message(socket, &header, 0, &sent, NULL, NULL);
  }
  return result == 0 ? 0 : WSAGetLastError();
}

/* Returns 0 or Winsock's error; waits a little when the queue is full. */
static int send_patiently(struct udp_sockets *sockets, SOCKET socket,
                          const struct udp_message *message) {
  struct controls controls;
  encode_controls(sockets, message, &controls);
  for (bool has_waited = false;; has_waited = true) {
    udp_count(&sockets->sends, 1);
    const int error = send_encoded(socket, message, &controls);
    if (error != WSAEWOULDBLOCK || has_waited) return error;
    WSAPOLLFD writable = {.fd = socket, .events = POLLWRNORM};
    WSAPoll(&writable, 1, QUEUE_PATIENCE);
  }
}

/* Returns whether the error is due to the options of the call, and not to the path of the datagram. */
static bool is_of_system(int error) {
  return error == WSAEINVAL || error == WSAENOPROTOOPT || error == WSAEOPNOTSUPP ||
         error == WSAEFAULT;
}

/* Retries without a mark what was refused with one. If the mark was not the cause, others keep theirs. */
static int send_perhaps_unmarked(struct udp_sockets *sockets, SOCKET socket,
                                 const struct udp_message *message) {
  const int error = send_patiently(sockets, socket, message);
  if (!is_of_system(error) || !(message->traffic_class & MARK_MASK)) return error;
  if (!atomic_exchange(&sockets->sends_marks, false)) return error;
  const int error_unmarked = send_patiently(sockets, socket, message);
  if (error_unmarked != 0) atomic_store(&sockets->sends_marks, true);
  return error_unmarked;
}

static void send_single(struct udp_sockets *sockets, SOCKET socket,
                        const struct udp_message *message) {
  const int error = send_perhaps_unmarked(sockets, socket, message);
  if (error == 0)
    udp_count(&sockets->datagrams, 1);
  else
    udp_lost(sockets, message, error);
}

static void send_one_by_one(struct udp_sockets *sockets, SOCKET socket,
                            const struct udp_message *run) {
  struct udp_message one = *run;
  one.count = 1;
  for (size_t at = 0; at < run->length; at += run->segment_size) {
    one.bytes = run->bytes + at;
    one.length = run->length - at < run->segment_size ? run->length - at : run->segment_size;
    send_single(sockets, socket, &one);
  }
}

static void send_run(struct udp_sockets *sockets, SOCKET socket, const struct udp_message *run) {
  const int error = send_perhaps_unmarked(sockets, socket, run);
  if (error == 0) {
    udp_count(&sockets->datagrams, run->count);
  } else if (is_of_system(error) || error == WSAEMSGSIZE) {
    /* WSAEMSGSIZE: the path MTU is less than a datagram; the system fragments those that are sent singly. */
    if (is_of_system(error)) atomic_store_explicit(&sockets->joins, false, memory_order_relaxed);
    send_one_by_one(sockets, socket, run);
  } else {
    udp_lost(sockets, run, error);
  }
}

static void send_message(struct udp_sockets *sockets, const struct udp_message *message) {
  const uint16_t family = message->to.family;
  const int socket = udp_socket(sockets, family);
  if (socket < 0)
    udp_lost(sockets, message, WSAEAFNOSUPPORT);
  else if (udp_is_blocked(sockets, family))
    udp_lost(sockets, message, WSAENETUNREACH);
  else if (message->count > 1)
    send_run(sockets, socket_of(socket), message);
  else
    send_single(sockets, socket_of(socket), message);
}

void udp_send(struct udp_sockets *sockets, struct udp_headers *headers,
              struct udp_message *messages, size_t message_count) {
  (void)headers;
  for (size_t i = 0; i < message_count; i++) send_message(sockets, &messages[i]);
}
