#include "threads.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STACK_BYTES (256 * 1024)

int interrupt_open(struct interrupt *interrupt) {
  interrupt->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  interrupt->is_open = interrupt->fd >= 0;
  return interrupt->is_open ? 0 : errno;
}

void interrupt_raise(struct interrupt *interrupt) {
  const uint64_t one = 1;
  /* This fails only when the counter is full; the eventfd is readable then anyway. */
  ssize_t written = write(interrupt->fd, &one, sizeof one);
  (void)written;
}

void interrupt_clear(struct interrupt *interrupt) {
  uint64_t raised;
  ssize_t length = read(interrupt->fd, &raised, sizeof raised);
  (void)length;
}

void interrupt_close(struct interrupt *interrupt) {
  if (interrupt->is_open) close(interrupt->fd);
  interrupt->is_open = false;
}

static void *enter(void *argument) {
  const struct thread *thread = argument;
  thread->run(thread->argument);
  return NULL;
}

static int create(struct thread *thread) {
  pthread_attr_t attributes;
  sigset_t all, before;
  int error = pthread_attr_init(&attributes);
  if (error) return error;
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  /* Signals are left to the main thread. */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  error = pthread_create(&thread->id, &attributes, enter, thread);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return error;
}

int thread_start(struct thread *thread, const char *name, void (*run)(void *argument),
                 void *argument) {
  thread->run = run;
  thread->argument = argument;
  int error = create(thread);
  if (error) return error;
  thread->is_running = true;
  pthread_setname_np(thread->id, name);
  return 0;
}

void thread_end(struct thread *thread) {
  pthread_join(thread->id, NULL);
  thread->is_running = false;
}
