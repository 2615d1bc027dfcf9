#include "udp_calls.h"

#include "winsock.h"

struct udp_calls udp_calls;

static bool find(int socket, GUID id, void *call, DWORD size) {
  DWORD length = 0;
  return WSAIoctl(socket_of(socket), SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id, call, size,
                  &length, NULL, NULL) == 0;
}

bool udp_calls_find(int socket) {
  const GUID receive = WSAID_WSARECVMSG, send = WSAID_WSASENDMSG;
  return find(socket, receive, &udp_calls.receive_message, sizeof udp_calls.receive_message) &&
         find(socket, send, &udp_calls.send_message, sizeof udp_calls.send_message);
}
