#include "sleep.h"

#include <poll.h>

#include "outbound.h"

/* Does nothing: each call of poll() takes the sockets that it waits for. */
int task_watch_sockets(struct task *task) {
  (void)task;
  return 0;
}

void task_unwatch_sockets(struct task *task) { (void)task; }

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
  /* Wakes up soon to reclaim what was retired while other threads were busy. */
  const bool has_retired = atomic_load_explicit(&device->epoch.has_retired, memory_order_relaxed);
  poll(fds, sizeof fds / sizeof *fds, has_retired ? 10 : -1);
}
