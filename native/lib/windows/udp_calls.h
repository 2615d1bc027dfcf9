/* The calls of Winsock that each socket's provider has to be asked for. */
#ifndef WG_TS_UDP_CALLS_H
#define WG_TS_UDP_CALLS_H

#include "udp.h"

struct udp_calls {
  LPFN_WSASENDMSG send_message;
  LPFN_WSARECVMSG receive_message;
};

/* Set before any thread sends or receives, and the same for all sockets of UDP. */
extern struct udp_calls udp_calls;

/* False when `socket` has them not. */
bool udp_calls_find(int socket);

/* Winsock joins datagrams without telling the size of each: it shall not. */
void udp_stop_receiving_joined(struct udp_sockets *sockets);

#endif
