#include "double.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_add(struct text *text, const char *format, ...) {
  char piece[512];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(piece, sizeof piece, format, arguments);
  va_end(arguments);
  if (length < 0 || (size_t)length >= sizeof piece) abort();
  if (text->length + (size_t)length + 1 > text->size) {
    text->size = 2 * (text->length + (size_t)length + 1);
    text->bytes = realloc(text->bytes, text->size);
    if (text->bytes == NULL) abort();
  }
  memcpy(text->bytes + text->length, piece, (size_t)length + 1);
  text->length += (size_t)length;
}

void text_add_guid(struct text *text, const char *name, const GUID *guid) {
  if (guid == NULL) {
    text_add(text, "\"%s\":null,", name);
    return;
  }
  const unsigned char *tail = guid->Data4;
  text_add(text, "\"%s\":\"%08lx-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x\",", name, guid->Data1,
           guid->Data2, guid->Data3, tail[0], tail[1], tail[2], tail[3], tail[4], tail[5], tail[6],
           tail[7]);
}

void text_add_wide(struct text *text, const char *name, const wchar_t *value) {
  if (value == NULL) {
    text_add(text, "\"%s\":null,", name);
    return;
  }
  text_add(text, "\"%s\":\"", name);
  for (; *value != 0; value++) {
    bool is_plain = *value >= ' ' && *value < 0x7f && *value != '"' && *value != '\\';
    text_add(text, is_plain ? "%c" : "\\u%04x", (unsigned int)*value);
  }
  text_add(text, "\",");
}

void text_add_bytes(struct text *text, const char *name, const void *bytes, size_t size) {
  text_add(text, "\"%s\":\"", name);
  for (size_t i = 0; i < size; i++) text_add(text, "%02x", ((const unsigned char *)bytes)[i]);
  text_add(text, "\"");
}
