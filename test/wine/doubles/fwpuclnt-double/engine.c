/* One session at a time, and what was added in it: all of it ends with the session. */
#include "double.h"

#include <stdlib.h>
#include <string.h>

#define MAX_FILTERS 128
#define ENGINE ((HANDLE)0x5150)

struct filter {
  UINT64 id;
  struct text text;
};

struct objects {
  bool has_provider;
  GUID provider_key;
  struct text provider;
  bool has_sublayer;
  GUID sublayer_key;
  struct text sublayer;
  struct filter filters[MAX_FILTERS];
  size_t filter_count;
};

static bool is_open;
static bool in_transaction;
static struct text session_text;
/* What is in force, and what was when the transaction began. Texts are never freed. */
static struct objects current, before;
static UINT64 last_id;
static uint32_t commits, aborts;

EXPORT DWORD WINAPI FwpmEngineOpen0(const wchar_t *server, UINT32 authentication,
                                    SEC_WINNT_AUTH_IDENTITY_W *identity,
                                    const FWPM_SESSION0 *session, HANDLE *engine) {
  DWORD error = injected_error("FwpmEngineOpen0");
  if (error != 0) return error;
  if (server != NULL || identity != NULL || authentication != RPC_C_AUTHN_WINNT)
    return ERROR_INVALID_PARAMETER;
  if (is_open || !(session->flags & SESSION_FLAG_DYNAMIC)) return ERROR_INVALID_PARAMETER;
  is_open = true;
  session_text.length = 0;
  describe_session(&session_text, session);
  *engine = ENGINE;
  return NO_ERROR;
}

EXPORT DWORD WINAPI FwpmEngineClose0(HANDLE engine) {
  if (engine != ENGINE || !is_open) return ERROR_INVALID_HANDLE;
  is_open = false;
  in_transaction = false;
  memset(&current, 0, sizeof current);
  return NO_ERROR;
}

EXPORT DWORD WINAPI FwpmTransactionBegin0(HANDLE engine, UINT32 flags) {
  DWORD error = injected_error("FwpmTransactionBegin0");
  if (error != 0) return error;
  if (engine != ENGINE || !is_open || flags != 0) return ERROR_INVALID_HANDLE;
  if (in_transaction) return TXN_IN_PROGRESS;
  in_transaction = true;
  before = current;
  return NO_ERROR;
}

EXPORT DWORD WINAPI FwpmTransactionCommit0(HANDLE engine) {
  DWORD error = injected_error("FwpmTransactionCommit0");
  if (error != 0) return error;
  if (engine != ENGINE || !in_transaction) return NO_TXN_IN_PROGRESS;
  in_transaction = false;
  commits++;
  return NO_ERROR;
}

EXPORT DWORD WINAPI FwpmTransactionAbort0(HANDLE engine) {
  if (engine != ENGINE || !in_transaction) return NO_TXN_IN_PROGRESS;
  in_transaction = false;
  current = before;
  aborts++;
  return NO_ERROR;
}

/* All of a change belongs into a transaction: so it is half done at no moment. */
static DWORD check_change(HANDLE engine, const char *function, const void *object) {
  DWORD error = injected_error(function);
  if (error != 0) return error;
  if (engine != ENGINE || !is_open) return ERROR_INVALID_HANDLE;
  if (!in_transaction) return NO_TXN_IN_PROGRESS;
  return object == NULL ? NULL_POINTER : NO_ERROR;
}

EXPORT DWORD WINAPI FwpmProviderAdd0(HANDLE engine, const FWPM_PROVIDER0 *provider,
                                     PSECURITY_DESCRIPTOR descriptor) {
  DWORD error = check_change(engine, "FwpmProviderAdd0", provider);
  if (error != 0) return error;
  if (current.has_provider || descriptor != NULL) return ALREADY_EXISTS;
  current.has_provider = true;
  current.provider_key = provider->providerKey;
  current.provider = (struct text){0};
  describe_provider(&current.provider, provider);
  return NO_ERROR;
}

static bool is_our_provider(const GUID *key) {
  return key != NULL && current.has_provider && IsEqualGUID(key, &current.provider_key);
}

EXPORT DWORD WINAPI FwpmSubLayerAdd0(HANDLE engine, const FWPM_SUBLAYER0 *sublayer,
                                     PSECURITY_DESCRIPTOR descriptor) {
  DWORD error = check_change(engine, "FwpmSubLayerAdd0", sublayer);
  if (error != 0) return error;
  if (current.has_sublayer || descriptor != NULL) return ALREADY_EXISTS;
  if (!is_our_provider(sublayer->providerKey)) return PROVIDER_NOT_FOUND;
  current.has_sublayer = true;
  current.sublayer_key = sublayer->subLayerKey;
  current.sublayer = (struct text){0};
  describe_sublayer(&current.sublayer, sublayer);
  return NO_ERROR;
}

EXPORT DWORD WINAPI FwpmFilterAdd0(HANDLE engine, const FWPM_FILTER0 *filter,
                                   PSECURITY_DESCRIPTOR descriptor, UINT64 *id) {
  DWORD error = check_change(engine, "FwpmFilterAdd0", filter);
  if (error != 0) return error;
  if (current.filter_count == MAX_FILTERS || descriptor != NULL) return ERROR_INVALID_PARAMETER;
  if (!is_our_provider(filter->providerKey)) return PROVIDER_NOT_FOUND;
  if (!current.has_sublayer || !IsEqualGUID(&filter->subLayerKey, &current.sublayer_key))
    return SUBLAYER_NOT_FOUND;
  if (filter->weight.type != FWP_UINT8 || filter->weight.uint8 > 15) return INVALID_WEIGHT;
  struct filter *added = &current.filters[current.filter_count++];
  added->id = ++last_id;
  added->text = (struct text){0};
  describe_filter(&added->text, filter, added->id);
  *id = added->id;
  return NO_ERROR;
}

EXPORT DWORD WINAPI FwpmFilterDeleteById0(HANDLE engine, UINT64 id) {
  DWORD error = check_change(engine, "FwpmFilterDeleteById0", &id);
  if (error != 0) return error;
  for (size_t i = 0; i < current.filter_count; i++) {
    if (current.filters[i].id != id) continue;
    current.filter_count--;
    memmove(&current.filters[i], &current.filters[i + 1],
            (current.filter_count - i) * sizeof *current.filters);
    return NO_ERROR;
  }
  return FILTER_NOT_FOUND;
}

/* What is in force, as JSON. */
EXPORT uint32_t DoubleState(char *buffer, uint32_t size) {
  struct text text = {0};
  text_add(&text, "{\"open\":%d,\"inTransaction\":%d,\"commits\":%u,\"aborts\":%u,", is_open,
           in_transaction, commits, aborts);
  const struct {
    const char *name;
    const struct text *value;
  } parts[] = {{"session", is_open ? &session_text : NULL},
               {"provider", current.has_provider ? &current.provider : NULL},
               {"sublayer", current.has_sublayer ? &current.sublayer : NULL}};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    text_add(&text, "\"%s\":", parts[i].name);
    text_add(&text, "%s,", parts[i].value != NULL ? parts[i].value->bytes : "null");
  }
  text_add(&text, "\"filters\":[");
  for (size_t i = 0; i < current.filter_count; i++) {
    if (i > 0) text_add(&text, ",");
    const struct text *filter = &current.filters[i].text;
    for (size_t start = 0; start < filter->length; start += 500)
      text_add(&text, "%.500s", filter->bytes + start);
  }
  text_add(&text, "]}");
  uint32_t length = (uint32_t)text.length;
  if (length <= size) memcpy(buffer, text.bytes, length);
  free(text.bytes);
  return length;
}
