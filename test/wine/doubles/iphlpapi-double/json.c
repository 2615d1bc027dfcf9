#include "double.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void json_raw(struct json *json, const char *text) {
  size_t length = strlen(text);
  if (json->length + length + 1 > json->size) {
    json->size = 2 * (json->length + length + 1);
    json->text = realloc(json->text, json->size);
    if (json->text == NULL) abort();
  }
  memcpy(json->text + json->length, text, length + 1);
  json->length += length;
}

static void begin_value(struct json *json, const char *name) {
  if (json->needs_comma) json_raw(json, ",");
  json->needs_comma = true;
  if (name == NULL) return;
  json_raw(json, "\"");
  json_raw(json, name);
  json_raw(json, "\":");
}

void json_open(struct json *json, const char *name, char bracket) {
  begin_value(json, name);
  json_raw(json, (char[]){bracket, 0});
  json->needs_comma = false;
}

void json_close(struct json *json, char bracket) {
  json_raw(json, (char[]){bracket, 0});
  json->needs_comma = true;
}

void json_number(struct json *json, const char *name, uint64_t value) {
  char text[24];
  snprintf(text, sizeof text, "%llu", (unsigned long long)value);
  begin_value(json, name);
  json_raw(json, text);
}

void json_luid(struct json *json, const char *name, NET_LUID luid) {
  char text[24];
  snprintf(text, sizeof text, "%llu", (unsigned long long)luid.Value);
  json_text(json, name, text);
}

void json_text(struct json *json, const char *name, const char *text) {
  begin_value(json, name);
  json_raw(json, "\"");
  json_raw(json, text);
  json_raw(json, "\"");
}

void json_wide(struct json *json, const char *name, const WCHAR *text) {
  if (text == NULL) {
    begin_value(json, name);
    json_raw(json, "null");
    return;
  }
  begin_value(json, name);
  json_raw(json, "\"");
  for (; *text != 0; text++) {
    char escaped[8];
    bool is_plain = *text >= ' ' && *text < 0x7f && *text != '"' && *text != '\\';
    snprintf(escaped, sizeof escaped, is_plain ? "%c" : "\\u%04x", (unsigned int)*text);
    json_raw(json, escaped);
  }
  json_raw(json, "\"");
}

void json_address(struct json *json, const char *name, const SOCKADDR_INET *address) {
  char text[ADDRESS_TEXT_SIZE];
  format_address(address, text);
  json_text(json, name, text);
}

uint32_t json_copy(const struct json *json, char *buffer, uint32_t size) {
  if (json->length <= size && json->length > 0) memcpy(buffer, json->text, json->length);
  return (uint32_t)json->length;
}

void json_free(struct json *json) {
  free(json->text);
  *json = (struct json){0};
}
