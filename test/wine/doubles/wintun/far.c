/* The far end: each datagram that comes is a packet of the system's, each packet sent is a datagram. */
#include "double.h"

#include <string.h>

#define FLOOD_PACKETS 256
#define BUFFER_BYTES (4 * 1024 * 1024)

void session_signal(struct session *session) {
  struct adapter *adapter = session->adapter;
  if (InterlockedExchange(&session->is_alertable, 0) == 0) return;
  if (adapter->signals_missed > 0) {
    InterlockedDecrement(&adapter->signals_missed);
    return;
  }
  adapter->counters.signals++;
  SetEvent(session->read_event);
}

static bool put(struct session *session, const uint8_t *packet, uint32_t size) {
  struct entry *entry = ring_reserve(&session->receive, size);
  if (!entry) {
    session->adapter->counters.put_dropped++;
    return false;
  }
  memcpy(entry + 1, packet, size);
  entry->state = ENTRY_FILLED;
  session->adapter->counters.put_packets++;
  return true;
}

bool session_put(struct session *session, const uint8_t *packet, uint32_t size) {
  AcquireSRWLockExclusive(&session->receive.lock);
  const bool is_put = put(session, packet, size);
  ReleaseSRWLockExclusive(&session->receive.lock);
  if (is_put) session_signal(session);
  return is_put;
}

/* The lock is held. */
void session_fill_by_flood(struct session *session) {
  const struct adapter *adapter = session->adapter;
  for (int i = 0; i < FLOOD_PACKETS; i++)
    if (!put(session, adapter->flood, adapter->flood_size)) return;
}

static void hand_over(struct session *session, const struct entry *entry) {
  struct adapter *adapter = session->adapter;
  adapter->counters.sent_packets++;
  adapter->counters.sent_bytes += entry->size;
  if (adapter->is_sink || adapter->peer_port == 0) return;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(adapter->peer_port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sendto(session->socket, (const char *)(entry + 1), (int)entry->size, 0, (struct sockaddr *)&to,
         sizeof to);
}

void session_deliver(struct session *session) {
  struct ring *ring = &session->send;
  while (ring->head != ring->tail && !session->adapter->is_paused) {
    struct entry *first = ring_entry_at(ring, ring->head);
    if (first->state != ENTRY_SENT) return;
    hand_over(session, first);
    ring->head += entry_bytes(first->size);
    first->magic = 0;
  }
}

static DWORD WINAPI receive_datagrams(void *context) {
  struct session *session = context;
  static __thread uint8_t buffer[MAX_IP_PACKET_SIZE + 1];
  for (;;) {
    const int size = recv(session->socket, (char *)buffer, sizeof buffer, 0);
    if (session->is_ending) return 0;
    if (size > 0) session_put(session, buffer, (uint32_t)size);
  }
}

static uint16_t port_of(SOCKET socket) {
  struct sockaddr_in address = {0};
  int length = sizeof address;
  getsockname(socket, (struct sockaddr *)&address, &length);
  return ntohs(address.sin_port);
}

static void send_to_itself(SOCKET socket) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port_of(socket))};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sendto(socket, "", 1, 0, (struct sockaddr *)&to, sizeof to);
}

bool far_open(struct session *session) {
  WSADATA data;
  const int bytes = BUFFER_BYTES;
  struct sockaddr_in any = {.sin_family = AF_INET};
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  WSAStartup(MAKEWORD(2, 2), &data);
  session->socket = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
  if (session->socket == INVALID_SOCKET) return false;
  setsockopt(session->socket, SOL_SOCKET, SO_RCVBUF, (const char *)&bytes, sizeof bytes);
  setsockopt(session->socket, SOL_SOCKET, SO_SNDBUF, (const char *)&bytes, sizeof bytes);
  if (bind(session->socket, (struct sockaddr *)&any, sizeof any) != 0) return false;
  session->thread = CreateThread(NULL, 0, receive_datagrams, session, 0, NULL);
  return session->thread != NULL;
}

void far_close(struct session *session) {
  InterlockedExchange(&session->is_ending, 1);
  send_to_itself(session->socket);
  WaitForSingleObject(session->thread, 10000);
  CloseHandle(session->thread);
  closesocket(session->socket);
}

EXPORT DWORD WINAPI DoubleFarPort(const WCHAR *name) {
  struct adapter *adapter = adapter_by_name(name);
  return adapter && adapter->session ? port_of(adapter->session->socket) : 0;
}
