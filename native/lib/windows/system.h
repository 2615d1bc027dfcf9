/* What the portable files need from Windows. lib/linux has a file of the same name. */
#ifndef WG_TS_SYSTEM_H
#define WG_TS_SYSTEM_H

/* The order matters: windows.h alone would include the first version of Winsock. */
#include <winsock2.h>

#include <windows.h>

#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "wintun.h"

/* As in sys/uio.h on other systems. */
struct iovec {
  void *iov_base;
  size_t iov_len;
};

/* Held for a few instructions at a time. Allocates nothing, and needs no destruction. */
struct mutex {
  SRWLOCK of_system;
};

static inline void mutex_init(struct mutex *mutex) { InitializeSRWLock(&mutex->of_system); }
static inline void mutex_destroy(struct mutex *mutex) { (void)mutex; }
static inline void mutex_lock(struct mutex *mutex) { AcquireSRWLockExclusive(&mutex->of_system); }
static inline void mutex_unlock(struct mutex *mutex) { ReleaseSRWLockExclusive(&mutex->of_system); }

static inline void thread_yield(void) { SwitchToThread(); }

/* Returns memory aligned to a cache line. To be freed with `aligned_memory_free` only. */
static inline void *aligned_memory(size_t size) {
  return _aligned_malloc((size + 63) & ~(size_t)63, 64);
}

static inline void aligned_memory_free(void *memory) { _aligned_free(memory); }

struct thread {
  HANDLE handle;
  /* Set by Winsock when a datagram waits at the socket of a family: IPv4, IPv6. */
  HANDLE readable[2];
  bool is_running;
  void (*run)(void *argument);
  void *argument;
};

/* Wakes threads that sleep: an event that stays set until it is reset. */
struct interrupt {
  HANDLE event;
  bool is_open;
};

/* Wakes the event loop: our end of a named pipe. */
struct bell {
  HANDLE pipe;
};

/*
 * The session of the adapter. To use it, a thread holds `session_lock` shared, for a batch or while it
 * waits for the event; to replace it, exclusively.
 */
struct tun {
  struct wintun_functions wintun;
  SRWLOCK session_lock;
  /* NULL if there is none. */
  WINTUN_SESSION_HANDLE session;
  /* Belongs to the session: never closed here. */
  HANDLE readable;
  /* If set, no thread uses the session any more until it is replaced. */
  _Atomic bool is_corrupt;
  struct mutex send_lock;
};

#endif
