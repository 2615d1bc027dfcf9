/*
 * Winsock as it is where datagrams are cut (USO) and joined (URO), which Wine cannot: the two calls
 * of the native library that do it are replaced, and tell a test what they were given.
 */
#include <stdio.h>

#include "../../../../native/lib/windows/udp_calls.h"

#define EXPORT __declspec(dllexport)

struct udp_calls udp_calls;

static struct udp_sockets sockets = {.v4 = -1, .v6 = -1};
static char told[8192];
static int next_error;
static uint32_t failures_left;
static int times_stopped;

static void tell(const char *text) { strncat(told, text, sizeof told - strlen(told) - 1); }

/* As the macros of Windows' headers find them. */
static void tell_controls(WSAMSG *message) {
  char text[80];
  for (WSACMSGHDR *c = WSA_CMSG_FIRSTHDR(message); c; c = WSA_CMSG_NXTHDR(message, c)) {
    DWORD value;
    memcpy(&value, WSA_CMSG_DATA(c), sizeof value);
    snprintf(text, sizeof text, " %d/%d=%lu(%llu)", c->cmsg_level, c->cmsg_type, value,
             (unsigned long long)c->cmsg_len);
    tell(text);
  }
}

static INT WSAAPI fake_send(SOCKET s, LPWSAMSG message, DWORD flags, LPDWORD sent,
                            LPWSAOVERLAPPED overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine) {
  char text[80];
  const struct sockaddr_in *to = (const struct sockaddr_in *)message->name;
  (void)s, (void)flags, (void)overlapped, (void)routine;
  snprintf(text, sizeof text, "%lu to %d", message->lpBuffers[0].len, ntohs(to->sin_port));
  tell(text);
  tell_controls(message);
  tell(";");
  *sent = message->lpBuffers[0].len;
  if (failures_left == 0) return 0;
  failures_left--;
  WSASetLastError(next_error);
  return SOCKET_ERROR;
}

/* `joins`, `marks`: whether this Windows is thought to have them. Where it is sent to really. */
EXPORT void WINAPI DatagramsOpen(int joins, int marks, int receives_joined) {
  sockets.v4 = (int)socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
  atomic_store(&sockets.joins, joins != 0);
  atomic_store(&sockets.sends_marks, marks != 0);
  atomic_store(&sockets.receives_joined, receives_joined != 0);
  atomic_store(&sockets.errors, 0);
  atomic_store(&sockets.datagrams, 0);
  times_stopped = 0;
  udp_calls.send_message = fake_send;
}

EXPORT void WINAPI DatagramsClose(void) { closesocket((SOCKET)(uint32_t)sockets.v4); }

/* A run to 127.0.0.1; WSASendMsg fails that often. Answers what WSASendMsg was given. */
EXPORT const char *WINAPI DatagramsSend(uint16_t port, uint8_t *bytes, uint32_t length,
                                        uint32_t segment_size, uint8_t traffic_class, int error,
                                        uint32_t failures) {
  struct udp_headers headers;
  struct udp_message message = {
      .to = {.family = 4, .port = port, .address = {127, 0, 0, 1}},
      .bytes = bytes,
      .length = length,
      .segment_size = segment_size,
      .count = (length + segment_size - 1) / segment_size,
      .traffic_class = traffic_class,
  };
  told[0] = 0;
  next_error = error;
  failures_left = failures;
  udp_send(&sockets, &headers, &message, 1);
  return told;
}

/* Bits: runs are still sent, marks are still sent; how many were lost from bit 8 on. */
EXPORT uint32_t WINAPI DatagramsState(void) {
  return (uint32_t)atomic_load(&sockets.joins) | (uint32_t)atomic_load(&sockets.sends_marks) << 1 |
         (uint32_t)atomic_load(&sockets.errors) << 8;
}

void udp_stop_receiving_joined(struct udp_sockets *of) {
  atomic_store(&of->receives_joined, false);
  times_stopped++;
}

static const uint8_t *waiting;
static uint32_t waiting_length;
static DWORD coalesced_size;
static int marks;

static size_t put_control(uint8_t *to, int level, int type, DWORD value) {
  WSACMSGHDR *control = (WSACMSGHDR *)to;
  control->cmsg_level = level;
  control->cmsg_type = type;
  control->cmsg_len = WSA_CMSG_LEN(sizeof value);
  memcpy(WSA_CMSG_DATA(control), &value, sizeof value);
  return (size_t)WSA_CMSG_SPACE(sizeof value);
}

static INT WSAAPI fake_receive(SOCKET s, LPWSAMSG message, LPDWORD received,
                               LPWSAOVERLAPPED overlapped,
                               LPWSAOVERLAPPED_COMPLETION_ROUTINE routine) {
  (void)s, (void)overlapped, (void)routine;
  if (!waiting) {
    WSASetLastError(WSAEWOULDBLOCK);
    return SOCKET_ERROR;
  }
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons(1234)};
  uint8_t *controls = (uint8_t *)message->Control.buf;
  size_t used = 0;
  if (coalesced_size) used += put_control(controls, IPPROTO_UDP, 3, coalesced_size);
  if (marks) used += put_control(controls + used, IPPROTO_IP, 50, (DWORD)marks);
  message->Control.len = (ULONG)used;
  memcpy(message->name, &from, sizeof from);
  memcpy(message->lpBuffers[0].buf, waiting, waiting_length);
  *received = waiting_length;
  waiting = NULL;
  return 0;
}

static struct udp_receiver receiver;

EXPORT void WINAPI DatagramsBegin(void) {
  udp_receiver_init(&receiver, &sockets);
  udp_calls.receive_message = fake_receive;
}

EXPORT void WINAPI DatagramsEnd(void) { udp_receiver_destroy(&receiver); }

/*
 * What comes in one call, with the size of its datagrams when `size` is not 0. `out`: their length in
 * all and each, the traffic class, how often joining was turned off, the port it came from.
 */
EXPORT void WINAPI DatagramsReceive(const uint8_t *bytes, uint32_t length, uint32_t size, int mark,
                                    uint32_t out[5]) {
  waiting = bytes;
  waiting_length = length;
  coalesced_size = size;
  marks = mark;
  const size_t filled = udp_receive(&receiver, sockets.v4);
  const struct udp_received *received = &receiver.received[0];
  out[0] = filled == 1 ? (uint32_t)received->length : 0;
  out[1] = (uint32_t)received->segment_size;
  out[2] = received->traffic_class;
  out[3] = (uint32_t)times_stopped;
  out[4] = received->from.port;
}
