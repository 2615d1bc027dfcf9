/* Adapters, and what is asked of the driver as a whole. */
#include "double.h"

#include <stdlib.h>

static struct adapter *adapters;
static uint64_t next_number = 1;
static bool is_driver_loaded;
static SRWLOCK adapters_lock = SRWLOCK_INIT;

bool has_driver(void) { return is_driver_loaded; }

struct adapter *adapter_by_name(const WCHAR *name) {
  for (struct adapter *a = adapters; a; a = a->next)
    if (a->is_present && wcscmp(a->name, name) == 0) return a;
  return NULL;
}

struct adapter *adapter_at(unsigned index) {
  for (struct adapter *a = adapters; a; a = a->next)
    if (a->is_present && index-- == 0) return a;
  return NULL;
}

struct handle *new_handle(struct adapter *adapter, bool created_it) {
  struct handle *handle = calloc(1, sizeof *handle);
  *handle = (struct handle){HANDLE_MAGIC, adapter, created_it};
  return handle;
}

/* Closed handles are kept in memory, so that their use is noticed. */
struct handle *checked_handle(void *handle, const char *function) {
  (void)function;
  struct handle *h = handle;
  if (!h) misuse("an adapter handle that is NULL");
  if (h->magic == ENDED_MAGIC) misuse("an adapter handle used after it was closed");
  if (h->magic != HANDLE_MAGIC) misuse("no adapter handle");
  return h;
}

static bool is_name(const WCHAR *name) {
  return name && name[0] != 0 && wcsnlen(name, MAX_ADAPTER_NAME) < MAX_ADAPTER_NAME;
}

static void *failed(DWORD error) {
  SetLastError(error);
  return NULL;
}

static bool is_guid_in_use(const GUID *guid) {
  for (struct adapter *a = adapters; a; a = a->next)
    if (a->is_present && memcmp(&a->guid, guid, sizeof *guid) == 0) return true;
  return false;
}

static struct adapter *new_adapter(const WCHAR *name, const WCHAR *type, const GUID *guid) {
  struct adapter *adapter = calloc(1, sizeof *adapter);
  wcscpy(adapter->name, name);
  wcscpy(adapter->type, type);
  if (guid)
    adapter->guid = *guid;
  else
    adapter->guid.Data1 = (unsigned long)next_number;
  /* IF_TYPE_PROP_VIRTUAL is 53, in the upper 16 bits of a LUID; the index is in those below. */
  adapter->luid = (uint64_t)53 << 48 | next_number++ << 24;
  adapter->is_present = true;
  adapter->next = adapters;
  adapters = adapter;
  is_driver_loaded = true;
  return adapter;
}

EXPORT void *WINAPI WintunCreateAdapter(const WCHAR *name, const WCHAR *type, const GUID *guid) {
  if (IS_TOLD_TO_FAIL("WintunCreateAdapter")) return NULL;
  if (!is_name(name) || !is_name(type)) return failed(ERROR_INVALID_PARAMETER);
  AcquireSRWLockExclusive(&adapters_lock);
  struct adapter *adapter = adapter_by_name(name) || (guid && is_guid_in_use(guid))
                                ? NULL
                                : new_adapter(name, type, guid);
  ReleaseSRWLockExclusive(&adapters_lock);
  if (!adapter) return failed(ERROR_ALREADY_EXISTS);
  log_now(LOG_INFO, L"Creating adapter");
  return new_handle(adapter, true);
}

EXPORT void *WINAPI WintunOpenAdapter(const WCHAR *name) {
  if (IS_TOLD_TO_FAIL("WintunOpenAdapter")) return NULL;
  if (!is_name(name)) return failed(ERROR_INVALID_PARAMETER);
  AcquireSRWLockShared(&adapters_lock);
  struct adapter *adapter = adapter_by_name(name);
  ReleaseSRWLockShared(&adapters_lock);
  if (!adapter) return failed(ERROR_NOT_FOUND);
  return new_handle(adapter, false);
}

EXPORT void WINAPI WintunCloseAdapter(void *handle) {
  (void)IS_TOLD_TO_FAIL("WintunCloseAdapter");
  struct handle *h = checked_handle(handle, "WintunCloseAdapter");
  if (h->created_it) {
    if (h->adapter->session) misuse("an adapter closed before its session was ended");
    h->adapter->is_present = false;
    log_now(LOG_INFO, L"Removing adapter");
  }
  h->magic = ENDED_MAGIC;
}

EXPORT BOOL WINAPI WintunDeleteDriver(void) {
  if (IS_TOLD_TO_FAIL("WintunDeleteDriver")) return FALSE;
  if (adapter_at(0)) {
    SetLastError(ERROR_DEVICE_IN_USE);
    return FALSE;
  }
  is_driver_loaded = false;
  return TRUE;
}

EXPORT void WINAPI WintunGetAdapterLUID(void *handle, uint64_t *luid) {
  (void)IS_TOLD_TO_FAIL("WintunGetAdapterLUID");
  *luid = checked_handle(handle, "WintunGetAdapterLUID")->adapter->luid;
}

/* 0.14, as the driver of 0.14.1 says. */
EXPORT DWORD WINAPI WintunGetRunningDriverVersion(void) {
  if (IS_TOLD_TO_FAIL("WintunGetRunningDriverVersion")) return 0;
  if (is_driver_loaded) return 14;
  SetLastError(ERROR_FILE_NOT_FOUND);
  return 0;
}

EXPORT void WINAPI DoubleUnloadDriver(void) { is_driver_loaded = false; }

#ifdef WITH_ENUMERATION
typedef BOOL(CALLBACK *enum_callback)(void *adapter, LPARAM param);

/* The handle is closed when the callback has answered, as up to version 0.13. */
EXPORT BOOL WINAPI WintunEnumAdapters(const WCHAR *pool, enum_callback callback, LPARAM param) {
  if (IS_TOLD_TO_FAIL("WintunEnumAdapters")) return FALSE;
  for (unsigned i = 0;; i++) {
    struct adapter *adapter = adapter_at(i);
    if (!adapter) return TRUE;
    if (pool && wcscmp(pool, adapter->type) != 0) continue;
    struct handle *handle = new_handle(adapter, false);
    const BOOL goes_on = callback(handle, param);
    handle->magic = ENDED_MAGIC;
    if (!goes_on) return TRUE;
  }
}
#endif
