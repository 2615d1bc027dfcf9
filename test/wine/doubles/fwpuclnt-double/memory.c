/* What this library allocates for its caller, and errors that tests ask for. */
#include "double.h"

#include <stdlib.h>
#include <string.h>

static int allocated;

/* The true one answers a device path in lower case; here it is the path itself. */
EXPORT DWORD WINAPI FwpmGetAppIdFromFileName0(const wchar_t *path, FWP_BYTE_BLOB **id) {
  DWORD error = injected_error("FwpmGetAppIdFromFileName0");
  if (error != 0) return error;
  size_t size = (wcslen(path) + 1) * sizeof *path;
  FWP_BYTE_BLOB *blob = malloc(sizeof *blob + size);
  blob->size = (UINT32)size;
  blob->data = (UINT8 *)(blob + 1);
  memcpy(blob->data, path, size);
  *id = blob;
  allocated++;
  return NO_ERROR;
}

EXPORT void WINAPI FwpmFreeMemory0(void **memory) {
  if (*memory != NULL) allocated--;
  free(*memory);
  *memory = NULL;
}

EXPORT int DoubleAllocated(void) {
  return allocated;
}

static struct {
  char function[64];
  DWORD error;
  int skipped;
} injected;

/* The call of `function` after the next `skipped` ones fails, once. */
EXPORT void DoubleFail(const char *function, DWORD error, int skipped) {
  strncpy(injected.function, function, sizeof injected.function - 1);
  injected.error = error;
  injected.skipped = skipped;
}

DWORD injected_error(const char *function) {
  if (injected.error == 0 || strcmp(injected.function, function) != 0) return 0;
  if (injected.skipped-- > 0) return 0;
  DWORD error = injected.error;
  injected.error = 0;
  return error;
}
