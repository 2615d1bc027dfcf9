/* The threads of a device, and how they wait. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "inbound.h"
#include "outbound.h"

#define STACK_BYTES (256 * 1024)

/* An outbound without it only answers what comes in. */
static bool reads_tun(const struct task *task) {
  return task->outbound->packet_memory != NULL &&
         !atomic_load_explicit(&task->worker->device->doorbell.tun_error, memory_order_relaxed);
}

static bool is_stopping(const struct wg_ts_device *device) {
  return atomic_load_explicit(&device->is_stopping, memory_order_relaxed);
}

/* One round over everything that the task serves; false when nothing waited anywhere. */
static bool serve(struct task *task) {
  struct worker *worker = task->worker;
  bool is_busy = false;
  if (task->inbound) {
    is_busy |= inbound_serve(task->inbound, worker->udp.v4, device_now());
    if (worker->udp.v6 >= 0)
      is_busy |= inbound_serve(task->inbound, worker->udp.v6, device_now());
  }
  if (reads_tun(task)) is_busy |= outbound_serve(task->outbound, device_now());
  return is_busy;
}

static void sleep_until_ready(struct task *task) {
  struct worker *worker = task->worker;
  struct wg_ts_device *device = worker->device;
  struct pollfd fds[] = {
      {.fd = device->stop_fd, .events = POLLIN},
      {.fd = reads_tun(task) ? worker->tun : -1, .events = POLLIN},
      {.fd = task->inbound ? worker->udp.v4 : -1, .events = POLLIN},
      {.fd = task->inbound ? worker->udp.v6 : -1, .events = POLLIN},
  };
  count(&task->counters.sleeps, 1);
  /* What was retired while all others were busy is looked at again soon. */
  const bool has_retired = atomic_load_explicit(&device->epoch.has_retired, memory_order_relaxed);
  poll(fds, sizeof fds / sizeof *fds, has_retired ? 10 : -1);
}

static void *run(void *argument) {
  struct task *task = argument;
  struct wg_ts_device *device = task->worker->device;
  const uint64_t patience = (uint64_t)device->spin_us * 1000;
  uint64_t busy_at = 0;
  while (!is_stopping(device)) {
    epoch_enter(&device->epoch, task->reader);
    if (serve(task)) {
      busy_at = device_now();
      epoch_leave(task->reader);
      epoch_reclaim_if_any(&device->epoch);
      continue;
    }
    epoch_leave(task->reader);
    epoch_reclaim_if_any(&device->epoch);
    /* A sleep and its wake-up cost more than a while of looking; others may have the core. */
    if (device_now() - busy_at < patience) {
      sched_yield();
      continue;
    }
    aead_context_forget(&task->aead);
    sleep_until_ready(task);
  }
  return NULL;
}

static int start_task(struct task *task) {
  pthread_attr_t attributes;
  char name[16];
  int error = pthread_attr_init(&attributes);
  if (error) return error;
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  error = pthread_create(&task->thread, &attributes, run, task);
  pthread_attr_destroy(&attributes);
  if (error) return error;
  task->is_running = true;
  const char *way = !task->inbound ? " out" : reads_tun(task) ? "" : " in";
  snprintf(name, sizeof name, "wg-ts/%u%s", task->worker->number, way);
  pthread_setname_np(task->thread, name);
  return 0;
}

int tasks_start(struct wg_ts_device *device) {
  /* Signals are the main thread's. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = 0;
  for (uint32_t i = 0; i < device->task_count && !error; i++) error = start_task(device->tasks[i]);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (error) tasks_stop(device);
  return error;
}

void tasks_stop(struct wg_ts_device *device) {
  const uint64_t one = 1;
  atomic_store(&device->is_stopping, true);
  ssize_t written = write(device->stop_fd, &one, sizeof one);
  (void)written;
  for (uint32_t i = 0; i < device->task_count; i++) {
    struct task *task = device->tasks[i];
    if (task->is_running) pthread_join(task->thread, NULL);
    task->is_running = false;
  }
}
