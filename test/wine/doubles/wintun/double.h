/*
 * A stand-in for wintun.dll 0.14.1 that keeps to the documented contract and ends the process where a
 * caller breaks it. Its far end, where Windows' own network would be, is a UDP socket on 127.0.0.1.
 */
#ifndef WINTUN_DOUBLE_H
#define WINTUN_DOUBLE_H

#include <winsock2.h>
#include <windows.h>

#include <stdbool.h>
#include <stdint.h>

#define EXPORT __declspec(dllexport)

#define MIN_RING_CAPACITY 0x20000
#define MAX_RING_CAPACITY 0x4000000
#define MAX_IP_PACKET_SIZE 0xFFFF
#define MAX_ADAPTER_NAME 128

enum { LOG_INFO, LOG_WARN, LOG_ERR };

typedef void(CALLBACK *logger_callback)(int level, uint64_t timestamp, const WCHAR *message);

/* A packet in a ring: this, and then its bytes. */
struct entry {
  uint32_t magic;
  uint32_t size;
  volatile LONG state;
  uint32_t reserved;
};

/* Bytes between the offsets `head` and `tail` are in use; both only grow. */
struct ring {
  SRWLOCK lock;
  uint8_t *memory;
  uint64_t capacity;
  uint64_t head;
  /* Of the receive ring: what the caller has taken so far. */
  uint64_t taken;
  uint64_t tail;
};

struct counters {
  uint64_t sent_packets;
  uint64_t sent_bytes;
  uint64_t put_packets;
  uint64_t put_dropped;
  uint64_t received_packets;
  uint64_t released_packets;
  uint64_t send_full;
  uint64_t signals;
};

struct session {
  uint32_t magic;
  struct adapter *adapter;
  struct ring receive;
  struct ring send;
  HANDLE read_event;
  volatile LONG is_alertable;
  volatile LONG inside;
  volatile LONG is_corrupt;
  SOCKET socket;
  HANDLE thread;
  volatile LONG is_ending;
};

/* The device; handles to it are `struct handle`. */
struct adapter {
  struct adapter *next;
  WCHAR name[MAX_ADAPTER_NAME];
  WCHAR type[MAX_ADAPTER_NAME];
  GUID guid;
  uint64_t luid;
  bool is_present;
  volatile LONG is_torn;
  volatile LONG is_paused;
  volatile LONG signals_missed;
  struct session *session;
  uint16_t peer_port;
  bool is_sink;
  const uint8_t *flood;
  uint32_t flood_size;
  struct counters counters;
};

struct handle {
  uint32_t magic;
  struct adapter *adapter;
  bool created_it;
};

/* Says what the caller did wrong, and ends the process with MISUSE_EXIT_CODE. */
#define MISUSE_EXIT_CODE 70
__attribute__((noreturn)) void misuse(const char *what);

struct function {
  char name[40];
  volatile LONG error;
  volatile LONG64 calls;
};

struct function *function_named(const char *name);

static inline bool count_call(struct function *function) {
  InterlockedIncrement64(&function->calls);
  if (function->error == 0) return false;
  SetLastError((DWORD)InterlockedExchange(&function->error, 0));
  return true;
}

/* Counts the call of a function; whether this one was told to fail, with the error set then. */
#define IS_TOLD_TO_FAIL(name)                     \
  ({                                              \
    static struct function *known;                \
    if (!known) known = function_named(name);     \
    count_call(known);                            \
  })

void log_now(int level, const WCHAR *message);

struct adapter *adapter_by_name(const WCHAR *name);
struct adapter *adapter_at(unsigned index);
/* Ends the process unless it is an open handle. */
struct handle *checked_handle(void *handle, const char *function);
struct handle *new_handle(struct adapter *adapter, bool created_it);
bool has_driver(void);

bool ring_open(struct ring *ring, uint32_t capacity);
void ring_close(struct ring *ring);
/* NULL when it is full. The lock is held. */
struct entry *ring_reserve(struct ring *ring, uint32_t size);
/* The entry of a packet, or NULL when it is not one that is in use. The lock is held. */
struct entry *ring_entry_of(struct ring *ring, const uint8_t *packet);
struct entry *ring_entry_at(const struct ring *ring, uint64_t offset);
uint64_t entry_bytes(uint32_t size);

/* What the system sends into the adapter. False when it was dropped. */
bool session_put(struct session *session, const uint8_t *packet, uint32_t size);
void session_fill_by_flood(struct session *session);
void session_signal(struct session *session);
/* Hands over what was sent in order, as far as nothing before it is missing. */
void session_deliver(struct session *session);
bool far_open(struct session *session);
void far_close(struct session *session);

enum { ENTRY_FILLED = 1, ENTRY_TAKEN, ENTRY_RELEASED, ENTRY_ALLOCATED, ENTRY_SENT };
#define ENTRY_MAGIC 0x57544e50u
#define SESSION_MAGIC 0x57545353u
#define HANDLE_MAGIC 0x57544148u
#define ENDED_MAGIC 0xdeadbeefu

#endif
