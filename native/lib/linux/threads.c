/* Threads, their sleep and the clock. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "inbound.h"
#include "outbound.h"

#define STACK_BYTES (256 * 1024)

uint64_t device_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_BOOTTIME, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

int interrupt_open(struct interrupt *interrupt) {
  interrupt->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  interrupt->is_open = interrupt->fd >= 0;
  return interrupt->is_open ? 0 : errno;
}

void interrupt_raise(struct interrupt *interrupt) {
  const uint64_t one = 1;
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

void task_sleep(struct task *task) {
  struct worker *worker = task->worker;
  struct wg_ts_device *device = worker->device;
  struct pollfd fds[] = {
      {.fd = device->interrupt.fd, .events = POLLIN},
      {.fd = outbound_reads_tun(task->outbound) ? worker->tun.fd : -1, .events = POLLIN},
      {.fd = task->inbound ? worker->udp.v4 : -1, .events = POLLIN},
      {.fd = task->inbound ? worker->udp.v6 : -1, .events = POLLIN},
  };
  count(&task->counters.sleeps, 1);
  /* What was retired while all others were busy is looked at again soon. */
  const bool has_retired = atomic_load_explicit(&device->epoch.has_retired, memory_order_relaxed);
  poll(fds, sizeof fds / sizeof *fds, has_retired ? 10 : -1);
}

static void *enter(void *argument) {
  task_run(argument);
  return NULL;
}

static int create(pthread_t *thread, struct task *task) {
  pthread_attr_t attributes;
  sigset_t all, before;
  int error = pthread_attr_init(&attributes);
  if (error) return error;
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  /* Signals are the main thread's. */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  error = pthread_create(thread, &attributes, enter, task);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return error;
}

int thread_start(struct task *task, const char *name) {
  int error = create(&task->thread.id, task);
  if (error) return error;
  task->thread.is_running = true;
  pthread_setname_np(task->thread.id, name);
  return 0;
}

void thread_end(struct task *task) {
  pthread_join(task->thread.id, NULL);
  task->thread.is_running = false;
}
