/* The doorbell is an eventfd that the event loop polls, just as threads poll their interrupt. */
#include "events.h"
#include "threads.h"

int bell_open(struct bell *bell, const char *path) {
  (void)path;
  return interrupt_open(&bell->eventfd);
}

void bell_ring(struct bell *bell) { interrupt_raise(&bell->eventfd); }

void bell_quiet(struct bell *bell) { interrupt_clear(&bell->eventfd); }

void bell_close(struct bell *bell) { interrupt_close(&bell->eventfd); }

int bell_descriptor(const struct bell *bell) { return bell->eventfd.fd; }
