#include "recorder.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char text[65536];
static size_t length;

const char *recorded(void) { return text; }

void forget(void) {
  length = 0;
  text[0] = 0;
}

void record(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int added = vsnprintf(text + length, sizeof text - length, format, arguments);
  va_end(arguments);
  if (added < 0 || length + (size_t)added + 2 > sizeof text) return;
  length += (size_t)added;
  text[length] = '\n';
  length += 1;
  text[length] = 0;
}

const char *joined(const wchar_t *strings) {
  static char line[1024];
  size_t used = 0;
  line[0] = 0;
  while (strings != NULL && *strings != 0 && used < sizeof line - 1) {
    used += (size_t)snprintf(line + used, sizeof line - used, used > 0 ? ",%ls" : "%ls", strings);
    strings += wcslen(strings) + 1;
  }
  return line;
}
