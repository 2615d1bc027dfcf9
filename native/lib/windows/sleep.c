#include "sleep.h"

#include "outbound.h"
#include "system_error.h"

/*
 * In milliseconds. Wintun 0.14.1 can fail to set its event, and Winsock's may be late; this is the longest
 * that a packet is delayed by that.
 */
#define LONGEST_SLEEP 100
#define SLEEP_WITH_RETIRED 10

static DWORD wait_for(const struct task *task, HANDLE *handles, DWORD used) {
  const struct wg_ts_device *device = task->worker->device;
  const bool has_retired = atomic_load_explicit(&device->epoch.has_retired, memory_order_relaxed);
  handles[used++] = device->interrupt.event;
  for (int i = 0; i < 2; i++)
    if (task->thread.readable[i]) handles[used++] = task->thread.readable[i];
  return WaitForMultipleObjects(used, handles, FALSE,
                                has_retired ? SLEEP_WITH_RETIRED : LONGEST_SLEEP);
}

void task_sleep(struct task *task) {
  struct tun *tun = &task->worker->tun;
  HANDLE handles[4];
  count(&task->counters.sleeps, 1);
  if (!outbound_reads_tun(task->outbound)) {
    wait_for(task, handles, 0);
    return;
  }
  /* The event ends with its session; this wait is interrupted before the session is replaced. */
  AcquireSRWLockShared(&tun->session_lock);
  const bool has_session = tun->session && !atomic_load(&tun->is_corrupt);
  if (has_session) handles[0] = tun->readable;
  wait_for(task, handles, has_session ? 1 : 0);
  ReleaseSRWLockShared(&tun->session_lock);
}

void task_unwatch_sockets(struct task *task) {
  struct thread *thread = &task->thread;
  for (int i = 0; i < 2; i++) {
    if (thread->readable[i]) CloseHandle(thread->readable[i]);
    thread->readable[i] = NULL;
  }
}

/* Winsock sets the event when the first datagram arrives, and again after each receive that leaves one. */
int task_watch_sockets(struct task *task) {
  const int sockets[] = {task->worker->udp.v4, task->worker->udp.v6};
  for (int i = 0; i < 2 && task->inbound; i++) {
    if (sockets[i] < 0) continue;
    const HANDLE event = CreateEventW(NULL, FALSE, FALSE, NULL);
    task->thread.readable[i] = event;
    if (!event) return errno_of(GetLastError());
    if (WSAEventSelect((SOCKET)(uint32_t)sockets[i], event, FD_READ) != 0) return EINVAL;
  }
  return 0;
}
