/* The threads of a device: how they are made and started, what they do in turn, and when they sleep. */
#include "tasks.h"

#include <stdio.h>
#include <stdlib.h>

#include "inbound.h"
#include "outbound.h"
#include "sleep.h"
#include "threads.h"

void task_free(struct task *task) {
  if (!task) return;
  if (task->inbound) inbound_destroy(task->inbound);
  if (task->outbound) outbound_destroy(task->outbound);
  aead_context_destroy(&task->aead);
  free(task->inbound);
  free(task->outbound);
  aligned_memory_free(task);
}

struct task *task_new(struct worker *worker, bool has_inbound, bool reads_tun) {
  struct task *task = aligned_memory(sizeof *task);
  if (!task) return NULL;
  memset(task, 0, sizeof *task);
  task->worker = worker;
  task->outbound = malloc(sizeof *task->outbound);
  bool is_complete = aead_context_init(&task->aead, worker->device->aead) && task->outbound &&
                     outbound_init(task->outbound, task, reads_tun);
  if (is_complete && has_inbound) {
    task->inbound = malloc(sizeof *task->inbound);
    is_complete = task->inbound && inbound_init(task->inbound, task, task->outbound);
  }
  if (is_complete) return task;
  task_free(task);
  return NULL;
}

bool tasks_add(struct wg_ts_device *device, struct worker *worker, bool has_inbound,
               bool reads_tun) {
  struct task *task = task_new(worker, has_inbound, reads_tun);
  if (!task) return false;
  task->reader = &device->epoch.readers[device->task_count];
  device->tasks[device->task_count++] = task;
  return true;
}

static bool is_stopping(const struct wg_ts_device *device) {
  return atomic_load_explicit(&device->is_stopping, memory_order_relaxed);
}

/* Does one round over everything that the task serves. Returns false when nothing waited anywhere. */
static bool serve(struct task *task) {
  struct worker *worker = task->worker;
  bool is_busy = false;
  if (task->inbound) {
    is_busy |= inbound_serve(task->inbound, worker->udp.v4, device_now());
    if (worker->udp.v6 >= 0)
      is_busy |= inbound_serve(task->inbound, worker->udp.v6, device_now());
  }
  if (outbound_reads_tun(task->outbound)) is_busy |= outbound_serve(task->outbound, device_now());
  return is_busy;
}

static void run_task(void *argument) {
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
    /* Going to sleep and waking up costs more than polling for a while; others may have the core meanwhile. */
    if (device_now() - busy_at < patience) {
      thread_yield();
      continue;
    }
    aead_context_forget(&task->aead);
    task_sleep(task);
  }
}

static int start_task(struct task *task) {
  char name[16];
  const char *way =
      !task->inbound ? " out" : outbound_reads_tun(task->outbound) ? "" : " in";
  snprintf(name, sizeof name, "wg-ts/%u%s", (unsigned)task->worker->number, way);
  int error = task_watch_sockets(task);
  if (!error) error = thread_start(&task->thread, name, run_task, task);
  if (error) task_unwatch_sockets(task);
  return error;
}

static void end_task(struct task *task) {
  if (!task->thread.is_running) return;
  thread_end(&task->thread);
  task_unwatch_sockets(task);
}

int tasks_start(struct wg_ts_device *device) {
  int error = 0;
  atomic_store(&device->is_stopping, false);
  interrupt_clear(&device->interrupt);
  for (uint32_t i = 0; i < device->task_count && !error; i++) error = start_task(device->tasks[i]);
  if (error) tasks_stop(device);
  return error;
}

void tasks_stop(struct wg_ts_device *device) {
  atomic_store(&device->is_stopping, true);
  if (device->interrupt.is_open) interrupt_raise(&device->interrupt);
  for (uint32_t i = 0; i < device->task_count; i++) end_task(device->tasks[i]);
}
