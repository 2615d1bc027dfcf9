/* Callbacks, from a thread of this library's own. */
#include "double.h"

#define MAX_LISTENERS 16

struct listener {
  bool is_used;
  PIPFORWARD_CHANGE_CALLBACK on_route;
  PIPINTERFACE_CHANGE_CALLBACK on_interface;
  void *context;
};

static SRWLOCK lock = SRWLOCK_INIT;
static CONDITION_VARIABLE changed = CONDITION_VARIABLE_INIT;
static CONDITION_VARIABLE idle = CONDITION_VARIABLE_INIT;
static struct listener listeners[MAX_LISTENERS];
static const struct listener *running;
static HANDLE thread;
static bool has_changed;
static LONG called;

static void call(const struct listener *listener) {
  MIB_IPFORWARD_ROW2 route_row = {0};
  MIB_IPINTERFACE_ROW interface_row = {0};
  if (listener->on_route != NULL)
    listener->on_route(listener->context, &route_row, MibParameterNotification);
  else
    listener->on_interface(listener->context, &interface_row, MibParameterNotification);
  InterlockedIncrement(&called);
}

static DWORD WINAPI run(void *parameter) {
  (void)parameter;
  AcquireSRWLockExclusive(&lock);
  for (;;) {
    while (!has_changed) SleepConditionVariableSRW(&changed, &lock, INFINITE, 0);
    has_changed = false;
    for (size_t i = 0; i < MAX_LISTENERS; i++) {
      if (!listeners[i].is_used) continue;
      struct listener listener = listeners[i];
      running = &listeners[i];
      ReleaseSRWLockExclusive(&lock);
      call(&listener);
      AcquireSRWLockExclusive(&lock);
      running = NULL;
      WakeAllConditionVariable(&idle);
    }
  }
  return 0;
}

void announce_change(void) {
  AcquireSRWLockExclusive(&lock);
  has_changed = true;
  WakeAllConditionVariable(&changed);
  ReleaseSRWLockExclusive(&lock);
}

static DWORD add_listener(const char *function, struct listener wanted, HANDLE *handle) {
  DWORD error = injected_error(function);
  if (error != 0) return error;
  AcquireSRWLockExclusive(&lock);
  size_t i = 0;
  while (listeners[i].is_used) i++;
  listeners[i] = wanted;
  listeners[i].is_used = true;
  *handle = (HANDLE)(i + 1);
  if (thread == NULL) thread = CreateThread(NULL, 0, run, NULL, 0, NULL);
  ReleaseSRWLockExclusive(&lock);
  return NO_ERROR;
}

EXPORT NETIO_STATUS WINAPI NotifyRouteChange2(ADDRESS_FAMILY family,
                                              PIPFORWARD_CHANGE_CALLBACK callback, PVOID context,
                                              BOOLEAN initial, HANDLE *handle) {
  if (family != AF_UNSPEC || initial || callback == NULL) return ERROR_INVALID_PARAMETER;
  struct listener wanted = {.on_route = callback, .context = context};
  return add_listener("NotifyRouteChange2", wanted, handle);
}

EXPORT NETIO_STATUS WINAPI NotifyIpInterfaceChange(ADDRESS_FAMILY family,
                                                   PIPINTERFACE_CHANGE_CALLBACK callback,
                                                   PVOID context, BOOLEAN initial,
                                                   HANDLE *handle) {
  if (family != AF_UNSPEC || initial || callback == NULL) return ERROR_INVALID_PARAMETER;
  struct listener wanted = {.on_interface = callback, .context = context};
  return add_listener("NotifyIpInterfaceChange", wanted, handle);
}

/* Like the true one, it waits for a callback that runs. */
EXPORT NETIO_STATUS WINAPI CancelMibChangeNotify2(HANDLE handle) {
  size_t i = (size_t)handle - 1;
  if (i >= MAX_LISTENERS) return ERROR_INVALID_PARAMETER;
  AcquireSRWLockExclusive(&lock);
  DWORD result = listeners[i].is_used ? NO_ERROR : ERROR_INVALID_PARAMETER;
  listeners[i].is_used = false;
  while (running == &listeners[i]) SleepConditionVariableSRW(&idle, &lock, INFINITE, 0);
  ReleaseSRWLockExclusive(&lock);
  return result;
}

/* How many are registered; how often one was called so far. */
EXPORT uint32_t DoubleListeners(void) {
  uint32_t count = 0;
  for (size_t i = 0; i < MAX_LISTENERS; i++) count += listeners[i].is_used;
  return count;
}

EXPORT uint32_t DoubleCalled(void) {
  return (uint32_t)called;
}
