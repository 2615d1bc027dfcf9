/* Threads, their sleep and the clock. */
#include <process.h>
#include <stdio.h>

#include "inbound.h"
#include "outbound.h"
#include "resolve.h"
#include "system_error.h"

#define STACK_BYTES (256 * 1024)
/*
 * Milliseconds: Wintun 0.14.1 can miss to set its event, and Winsock's may be late; so the longest that
 * a packet is held up by it.
 */
#define LONGEST_SLEEP 100
#define SLEEP_WITH_RETIRED 10

typedef VOID(WINAPI *query_interrupt_time)(PULONGLONG time);

static query_interrupt_time find_interrupt_time(void) {
  query_interrupt_time found = NULL;
  const HMODULE module = GetModuleHandleW(L"kernelbase.dll");
  if (module) RESOLVE(found, module, "QueryInterruptTimePrecise");
  return found;
}

/* Both go on while the machine sleeps, which GetTickCount64 does too, but in steps of 16 ms. */
uint64_t device_now(void) {
  static _Atomic int is_looked_up;
  static query_interrupt_time _Atomic interrupt_time;
  if (UNLIKELY(!atomic_load_explicit(&is_looked_up, memory_order_acquire))) {
    atomic_store_explicit(&interrupt_time, find_interrupt_time(), memory_order_relaxed);
    atomic_store_explicit(&is_looked_up, 1, memory_order_release);
  }
  const query_interrupt_time query = atomic_load_explicit(&interrupt_time, memory_order_relaxed);
  if (query) {
    ULONGLONG hundreds;
    query(&hundreds);
    return hundreds * 100;
  }
  LARGE_INTEGER ticks, frequency;
  QueryPerformanceFrequency(&frequency);
  QueryPerformanceCounter(&ticks);
  const uint64_t now = (uint64_t)ticks.QuadPart, second = (uint64_t)frequency.QuadPart;
  return now / second * 1000000000u + now % second * 1000000000u / second;
}

int interrupt_open(struct interrupt *interrupt) {
  interrupt->event = CreateEventW(NULL, TRUE, FALSE, NULL);
  interrupt->is_open = interrupt->event != NULL;
  return interrupt->is_open ? 0 : errno_of(GetLastError());
}

void interrupt_raise(struct interrupt *interrupt) { SetEvent(interrupt->event); }

void interrupt_clear(struct interrupt *interrupt) { ResetEvent(interrupt->event); }

void interrupt_close(struct interrupt *interrupt) {
  if (interrupt->is_open) CloseHandle(interrupt->event);
  interrupt->is_open = false;
}

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
  /* The event goes with its session: who replaces that interrupts this before. */
  AcquireSRWLockShared(&tun->session_lock);
  const bool has_session = tun->session && !atomic_load(&tun->is_corrupt);
  if (has_session) handles[0] = tun->readable;
  wait_for(task, handles, has_session ? 1 : 0);
  ReleaseSRWLockShared(&tun->session_lock);
}

static void close_events(struct thread *thread) {
  for (int i = 0; i < 2; i++) {
    if (thread->readable[i]) CloseHandle(thread->readable[i]);
    thread->readable[i] = NULL;
  }
}

/* Winsock sets the event when the first datagram comes, and again after each receive that leaves one. */
static int open_events(struct task *task) {
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

static unsigned __stdcall enter(void *argument) {
  task_run(argument);
  return 0;
}

/* Since Windows 10 1607. */
static void set_name(HANDLE thread, const char *name) {
  HRESULT(WINAPI * set_description)(HANDLE, PCWSTR) = NULL;
  wchar_t wide[16];
  RESOLVE(set_description, GetModuleHandleW(L"kernel32.dll"), "SetThreadDescription");
  size_t i = 0;
  for (; name[i] && i + 1 < sizeof wide / sizeof *wide; i++) wide[i] = (wchar_t)name[i];
  wide[i] = 0;
  if (set_description) set_description(thread, wide);
}

int thread_start(struct task *task, const char *name) {
  int error = open_events(task);
  if (error) {
    close_events(&task->thread);
    return error;
  }
  const uintptr_t handle = _beginthreadex(NULL, STACK_BYTES, enter, task,
                                          STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
  if (handle == 0) {
    close_events(&task->thread);
    return ENOMEM;
  }
  task->thread.handle = (HANDLE)handle;
  task->thread.is_running = true;
  set_name(task->thread.handle, name);
  return 0;
}

void thread_end(struct task *task) {
  WaitForSingleObject(task->thread.handle, INFINITE);
  CloseHandle(task->thread.handle);
  close_events(&task->thread);
  task->thread.is_running = false;
}
