/*
 * Sockets without a network, compiled into the library in place of Winsock: what is sent is discarded, and
 * what is received was put into memory before. They cost next to nothing, to show what a data plane alone
 * can do.
 */
#include <winsock2.h>
#include <mswsock.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <ws2tcpip.h>

static const uint8_t *feed;
static uint32_t feed_count;
static uint32_t feed_stride;
static _Atomic uint32_t feed_next;
static WSAEVENT readable;

/* Feeds `count` datagrams of `stride` bytes, one after the other. The caller keeps ownership of the memory. */
__declspec(dllexport) void bench_feed(const uint8_t *datagrams, uint32_t count, uint32_t stride) {
  feed = datagrams;
  feed_stride = stride;
  atomic_store(&feed_next, 0);
  feed_count = count;
  SetEvent(readable);
}

int WSAAPI bench_send_to(SOCKET socket, LPWSABUF buffers, DWORD count, LPDWORD sent, DWORD flags,
                         const struct sockaddr *to, int length, LPWSAOVERLAPPED overlapped,
                         LPWSAOVERLAPPED_COMPLETION_ROUTINE done) {
  (void)socket, (void)count, (void)flags, (void)to, (void)length, (void)overlapped, (void)done;
  *sent = buffers[0].len;
  return 0;
}

static int WSAAPI send_message(SOCKET socket, LPWSAMSG message, DWORD flags, LPDWORD sent,
                               LPWSAOVERLAPPED overlapped,
                               LPWSAOVERLAPPED_COMPLETION_ROUTINE done) {
  (void)socket, (void)flags, (void)overlapped, (void)done;
  *sent = message->lpBuffers[0].len;
  return 0;
}

static int WSAAPI receive_message(SOCKET socket, LPWSAMSG message, LPDWORD received,
                                  LPWSAOVERLAPPED overlapped,
                                  LPWSAOVERLAPPED_COMPLETION_ROUTINE done) {
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons(9)};
  (void)socket, (void)overlapped, (void)done;
  if (atomic_load(&feed_next) >= feed_count) {
    WSASetLastError(WSAEWOULDBLOCK);
    return SOCKET_ERROR;
  }
  const uint32_t i = atomic_fetch_add(&feed_next, 1);
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  memcpy(message->name, &from, sizeof from);
  message->namelen = sizeof from;
  memcpy(message->lpBuffers[0].buf, feed + (size_t)i * feed_stride, feed_stride);
  message->Control.len = 0;
  message->dwFlags = 0;
  *received = feed_stride;
  return 0;
}

int WSAAPI bench_ioctl(SOCKET socket, DWORD code, LPVOID in, DWORD in_bytes, LPVOID out,
                       DWORD out_bytes, LPDWORD returned, LPWSAOVERLAPPED overlapped,
                       LPWSAOVERLAPPED_COMPLETION_ROUTINE done) {
  static const GUID receive = WSAID_WSARECVMSG;
  const LPFN_WSASENDMSG sends = send_message;
  const LPFN_WSARECVMSG receives = receive_message;
  (void)socket, (void)in_bytes, (void)returned, (void)overlapped, (void)done;
  if (code != SIO_GET_EXTENSION_FUNCTION_POINTER) return 0;
  if (memcmp(in, &receive, sizeof receive) == 0)
    memcpy(out, &receives, out_bytes);
  else
    memcpy(out, &sends, out_bytes);
  return 0;
}

int WSAAPI bench_event_select(SOCKET socket, WSAEVENT event, long what) {
  (void)socket, (void)what;
  readable = event;
  return 0;
}

/* Winsock's headers declare the functions replaced here as imports from a DLL, so these must be pointers. */
void *__imp_bench_send_to = (void *)bench_send_to;
void *__imp_bench_ioctl = (void *)bench_ioctl;
void *__imp_bench_event_select = (void *)bench_event_select;
