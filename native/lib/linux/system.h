/* What the portable files need from Linux. lib/windows has a file of the same name. */
#ifndef WG_TS_SYSTEM_H
#define WG_TS_SYSTEM_H

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/uio.h>

struct mutex {
  pthread_mutex_t of_system;
};

static inline void mutex_init(struct mutex *mutex) { pthread_mutex_init(&mutex->of_system, NULL); }
static inline void mutex_destroy(struct mutex *mutex) { pthread_mutex_destroy(&mutex->of_system); }
static inline void mutex_lock(struct mutex *mutex) { pthread_mutex_lock(&mutex->of_system); }
static inline void mutex_unlock(struct mutex *mutex) { pthread_mutex_unlock(&mutex->of_system); }

static inline void thread_yield(void) { sched_yield(); }

/* Returns memory aligned to a cache line. To be freed with `aligned_memory_free` only. */
static inline void *aligned_memory(size_t size) {
  return aligned_alloc(64, (size + 63) & ~(size_t)63);
}

static inline void aligned_memory_free(void *memory) { free(memory); }

struct thread {
  pthread_t id;
  bool is_running;
  void (*run)(void *argument);
  void *argument;
};

/* Wakes threads that sleep: an eventfd. */
struct interrupt {
  int fd;
  bool is_open;
};

/* Wakes the event loop: an eventfd as well. */
struct bell {
  struct interrupt eventfd;
};

/* A queue of the interface. */
struct tun {
  int fd;
};

#endif
