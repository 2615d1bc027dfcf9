/* The doorbell is an eventfd that the event loop polls. */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "events.h"

int bell_open(struct bell *bell, const char *path) {
  (void)path;
  bell->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  bell->is_open = bell->fd >= 0;
  return bell->is_open ? 0 : errno;
}

void bell_ring(struct bell *bell) {
  const uint64_t one = 1;
  /* It fails only where the counter is full, and then it is readable. */
  ssize_t written = write(bell->fd, &one, sizeof one);
  (void)written;
}

void bell_quiet(struct bell *bell) {
  uint64_t count;
  ssize_t length = read(bell->fd, &count, sizeof count);
  (void)length;
}

void bell_close(struct bell *bell) {
  if (bell->is_open) close(bell->fd);
  bell->is_open = false;
}

int bell_descriptor(const struct bell *bell) { return bell->fd; }
