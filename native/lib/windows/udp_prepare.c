/* Sets the options of a socket. Those that this version of Windows does not have are left out. */
#include <errno.h>

#include "udp_calls.h"
#include "winsock.h"

static bool set_option(int socket, int level, int name, DWORD value) {
  return setsockopt(socket_of(socket), level, name, (const char *)&value, sizeof value) == 0;
}

/* ICMP errors for what was sent, such as a closed port, must not make the next receive fail. */
static void ignore_answers(int socket) {
  const DWORD requests[] = {SIO_UDP_CONNRESET, SIO_UDP_NETRESET};
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
    BOOL reports = FALSE;
    DWORD length = 0;
    WSAIoctl(socket_of(socket), requests[i], &reports, sizeof reports, NULL, 0, &length, NULL, NULL);
  }
}

/* Reads the option instead of setting it: a size would apply to each datagram that is sent without one. */
static bool has_uso(int socket) {
  DWORD size = 0;
  int length = sizeof size;
  return getsockopt(socket_of(socket), IPPROTO_UDP, UDP_SEND_MSG_SIZE, (char *)&size, &length) == 0;
}

static void prepare(struct udp_sockets *sockets, int socket, bool is_v4) {
  ignore_answers(socket);
  if (!has_uso(socket)) atomic_store(&sockets->joins, false);
  const DWORD longest = atomic_load(&sockets->receives_joined) ? UDP_MAX_RUN : 0;
  if (!set_option(socket, IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE, longest))
    atomic_store(&sockets->receives_joined, false);
  const bool has_marks = is_v4 ? set_option(socket, IPPROTO_IP, IP_RECVECN, 1)
                               : set_option(socket, IPPROTO_IPV6, IPV6_RECVECN, 1);
  if (!has_marks) atomic_store(&sockets->sends_marks, false);
}

int udp_prepare(struct udp_sockets *sockets, uint32_t without) {
  atomic_init(&sockets->joins, !(without & WG_TS_WITHOUT_UDP_SEGMENT));
  atomic_init(&sockets->receives_joined, !(without & WG_TS_WITHOUT_UDP_GRO));
  atomic_init(&sockets->sends_marks, true);
  const int any = sockets->v4 >= 0 ? sockets->v4 : sockets->v6;
  if (any < 0 || !udp_calls_find(any)) return EINVAL;
  if (sockets->v4 >= 0) prepare(sockets, sockets->v4, true);
  if (sockets->v6 >= 0) prepare(sockets, sockets->v6, false);
  return 0;
}

void udp_stop_receiving_joined(struct udp_sockets *sockets) {
  if (!atomic_exchange(&sockets->receives_joined, false)) return;
  if (sockets->v4 >= 0) set_option(sockets->v4, IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE, 0);
  if (sockets->v6 >= 0) set_option(sockets->v6, IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE, 0);
}
