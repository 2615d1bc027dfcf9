/* What tests make it do, and what it tells them. */
#include "double.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTIONS 32

static struct function functions[FUNCTIONS];
static SRWLOCK functions_lock = SRWLOCK_INIT;
static logger_callback logger;

void misuse(const char *what) {
  char text[256];
  DWORD written;
  const int length = snprintf(text, sizeof text, "wintun misused: %s\n", what);
  WriteFile(GetStdHandle(STD_ERROR_HANDLE), text, (DWORD)length, &written, NULL);
  TerminateProcess(GetCurrentProcess(), MISUSE_EXIT_CODE);
  abort();
}

struct function *function_named(const char *name) {
  struct function *found = NULL;
  AcquireSRWLockExclusive(&functions_lock);
  for (int i = 0; i < FUNCTIONS && !found; i++) {
    if (functions[i].name[0] == 0) strncpy(functions[i].name, name, sizeof functions[i].name - 1);
    if (strcmp(functions[i].name, name) == 0) found = &functions[i];
  }
  ReleaseSRWLockExclusive(&functions_lock);
  if (!found) misuse("too many functions");
  return found;
}

/* The next call of `function` fails with `error`. */
EXPORT void WINAPI DoubleFail(const char *function, DWORD error) {
  function_named(function)->error = (LONG)error;
}

EXPORT uint64_t WINAPI DoubleCalls(const char *function) {
  return (uint64_t)function_named(function)->calls;
}

static struct adapter *known(const WCHAR *name) {
  struct adapter *adapter = adapter_by_name(name);
  if (!adapter) misuse("a test names an adapter that is not there");
  return adapter;
}

EXPORT void WINAPI DoubleSetPeer(const WCHAR *name, DWORD port) {
  known(name)->peer_port = (uint16_t)port;
}

/* As long as it is paused, what is sent stays in the ring. */
EXPORT void WINAPI DoublePause(const WCHAR *name, DWORD is_paused) {
  struct adapter *adapter = known(name);
  adapter->is_paused = (LONG)is_paused;
  if (is_paused || !adapter->session) return;
  AcquireSRWLockExclusive(&adapter->session->send.lock);
  session_deliver(adapter->session);
  ReleaseSRWLockExclusive(&adapter->session->send.lock);
}

/* Until the session ends. */
EXPORT void WINAPI DoubleCorrupt(const WCHAR *name) {
  struct session *session = known(name)->session;
  session->is_corrupt = 1;
  session_signal(session);
}

/* As when a user removes the device. */
EXPORT void WINAPI DoubleTear(const WCHAR *name) {
  struct adapter *adapter = known(name);
  adapter->is_torn = 1;
  if (adapter->session) SetEvent(adapter->session->read_event);
}

EXPORT void WINAPI DoubleMissSignals(const WCHAR *name, DWORD count) {
  known(name)->signals_missed = (LONG)count;
}

/* The receive ring never runs empty: copies of one packet. NULL ends it. */
EXPORT void WINAPI DoubleFlood(const WCHAR *name, const uint8_t *packet, DWORD size) {
  struct adapter *adapter = known(name);
  if (!packet) {
    adapter->flood = NULL;
    return;
  }
  uint8_t *copy = malloc(size);
  memcpy(copy, packet, size);
  adapter->flood_size = size;
  adapter->flood = copy;
  if (adapter->session) session_put(adapter->session, packet, size);
}

/* What is sent is counted, and goes nowhere. */
EXPORT void WINAPI DoubleSink(const WCHAR *name) { known(name)->is_sink = true; }

EXPORT void WINAPI DoubleCounters(const WCHAR *name, struct counters *out) {
  *out = known(name)->counters;
}

EXPORT uint64_t WINAPI DoubleRingBytes(const WCHAR *name) {
  struct session *session = known(name)->session;
  return session ? session->receive.capacity : 0;
}

EXPORT void WINAPI DoubleGuid(const WCHAR *name, GUID *out) { *out = known(name)->guid; }

EXPORT void WINAPI WintunSetLogger(logger_callback new_logger) {
  (void)IS_TOLD_TO_FAIL("WintunSetLogger");
  logger = new_logger;
}

static uint64_t now(void) {
  FILETIME time;
  GetSystemTimeAsFileTime(&time);
  return (uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime;
}

void log_now(int level, const WCHAR *message) {
  const logger_callback callback = logger;
  if (callback) callback(level, now(), message);
}

static volatile LONG logged;

EXPORT DWORD WINAPI DoubleLogged(void) { return (DWORD)logged; }

static DWORD WINAPI log_from_thread(void *context) {
  WCHAR text[64];
  const int number = (int)(intptr_t)context;
  swprintf(text, 64, L"message %d", number);
  log_now(number % 3, text);
  InterlockedIncrement(&logged);
  return 0;
}

/* `count` messages, each from a thread of its own. */
EXPORT void WINAPI DoubleLog(DWORD count) {
  for (DWORD i = 0; i < count; i++)
    CloseHandle(CreateThread(NULL, 0, log_from_thread, (void *)(intptr_t)i, 0, NULL));
}
