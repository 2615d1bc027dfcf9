/*
 * The doorbell is a named pipe whose other end belongs to the event loop: on Windows Node.js cannot wait
 * for anything else without an extra thread.
 */
#include "events.h"
#include "system_error.h"

int bell_open(struct bell *bell, const char *path) {
  bell->pipe = CreateFileA(path, GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
  return bell->pipe != INVALID_HANDLE_VALUE ? 0 : errno_of(GetLastError());
}

/* Never blocks: at most one byte is waiting for each time that the event loop has drained without reading. */
void bell_ring(struct bell *bell) {
  static const uint8_t one = 1;
  DWORD written;
  WriteFile(bell->pipe, &one, sizeof one, &written, NULL);
}

/* Does nothing: the byte is in the pipe, for the event loop to read. */
void bell_quiet(struct bell *bell) { (void)bell; }

void bell_close(struct bell *bell) { CloseHandle(bell->pipe); }

int bell_descriptor(const struct bell *bell) {
  (void)bell;
  return -1;
}
