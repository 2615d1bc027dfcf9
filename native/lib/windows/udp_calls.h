/* The functions of Winsock that must be requested from the provider of a socket. */
#ifndef WG_TS_UDP_CALLS_H
#define WG_TS_UDP_CALLS_H

#include "udp.h"

struct udp_calls {
  LPFN_WSASENDMSG send_message;
  LPFN_WSARECVMSG receive_message;
};

/* Set before any thread sends or receives, and the same for all sockets of UDP. */
extern struct udp_calls udp_calls;

/* Returns false when `socket` does not have them. */
bool udp_calls_find(int socket);

/* For a Winsock that joins datagrams without reporting the size of each: makes it stop joining. */
void udp_stop_receiving_joined(struct udp_sockets *sockets);

#endif
