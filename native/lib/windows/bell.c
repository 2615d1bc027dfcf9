/*
 * The doorbell is a named pipe whose other end belongs to the event loop: Node.js can wait there for
 * nothing else without a thread of its own.
 */
#include "events.h"
#include "system_error.h"

int bell_open(struct bell *bell, const char *path) {
  bell->pipe = CreateFileA(path, GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
  return bell->pipe != INVALID_HANDLE_VALUE ? 0 : errno_of(GetLastError());
}

/* It never blocks: as many bytes wait at most as the event loop has drained us without reading. */
void bell_ring(struct bell *bell) {
  static const uint8_t one = 1;
  DWORD written;
  WriteFile(bell->pipe, &one, sizeof one, &written, NULL);
}

/* What was rung is in the pipe, and for the event loop to take out. */
void bell_quiet(struct bell *bell) { (void)bell; }

void bell_close(struct bell *bell) { CloseHandle(bell->pipe); }

int bell_descriptor(const struct bell *bell) {
  (void)bell;
  return -1;
}
