/* A kernel that does not know UDP_SEGMENT, as Linux before 4.18. Exits with 1 if runs are joined anyway. */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "udp.h"

#define UDP_SEGMENT_OPTION 103

/* In place of libc's. */
int getsockopt(int fd, int level, int name, void *value, socklen_t *length) {
  (void)fd, (void)value, (void)length;
  errno = ENOPROTOOPT;
  return level == IPPROTO_UDP && name == UDP_SEGMENT_OPTION ? -1 : 0;
}

int main(void) {
  struct udp_sockets sockets = {.v4 = socket(AF_INET, SOCK_DGRAM, 0), .v6 = -1};
  if (udp_prepare(&sockets, 0) != 0) return 2;
  return atomic_load(&sockets.joins) ? 1 : 0;
}
