#include "double.h"

#include <string.h>

static SRWLOCK log_lock = SRWLOCK_INIT;
static struct json entries;

struct json *log_begin(const char *function) {
  AcquireSRWLockExclusive(&log_lock);
  json_open(&entries, NULL, '{');
  json_text(&entries, "function", function);
  return &entries;
}

void log_end(struct json *json, DWORD result) {
  json_number(json, "result", result);
  json_close(json, '}');
  ReleaseSRWLockExclusive(&log_lock);
}

/* All calls since the last one of this, as a JSON list. */
EXPORT uint32_t DoubleTakeLog(char *buffer, uint32_t size) {
  AcquireSRWLockExclusive(&log_lock);
  struct json list = {0};
  json_raw(&list, "[");
  if (entries.length > 0) json_raw(&list, entries.text);
  json_raw(&list, "]");
  uint32_t length = json_copy(&list, buffer, size);
  json_free(&list);
  if (length <= size) json_free(&entries);
  ReleaseSRWLockExclusive(&log_lock);
  return length;
}

#define MAX_INJECTED 8

static struct {
  char function[64];
  DWORD error;
  int skipped;
} injected[MAX_INJECTED];

/* The call of `function` after the next `skipped` ones fails, once. */
EXPORT void DoubleFail(const char *function, DWORD error, int skipped) {
  for (size_t i = 0; i < MAX_INJECTED; i++) {
    if (injected[i].error != 0) continue;
    strncpy(injected[i].function, function, sizeof injected[i].function - 1);
    injected[i].error = error;
    injected[i].skipped = skipped;
    return;
  }
}

DWORD injected_error(const char *function) {
  for (size_t i = 0; i < MAX_INJECTED; i++) {
    if (injected[i].error == 0 || strcmp(injected[i].function, function) != 0) continue;
    if (injected[i].skipped-- > 0) return 0;
    DWORD error = injected[i].error;
    injected[i].error = 0;
    return error;
  }
  return 0;
}
