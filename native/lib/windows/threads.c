#include "threads.h"

#include <process.h>

#include "resolve.h"
#include "system_error.h"

#define STACK_BYTES (256 * 1024)

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

static unsigned __stdcall enter(void *argument) {
  const struct thread *thread = argument;
  thread->run(thread->argument);
  return 0;
}

/* Needs Windows 10 1607. */
static void set_name(HANDLE thread, const char *name) {
  HRESULT(WINAPI * set_description)(HANDLE, PCWSTR) = NULL;
  wchar_t wide[16];
  RESOLVE(set_description, GetModuleHandleW(L"kernel32.dll"), "SetThreadDescription");
  size_t i = 0;
  for (; name[i] && i + 1 < sizeof wide / sizeof *wide; i++) wide[i] = (wchar_t)name[i];
  wide[i] = 0;
  if (set_description) set_description(thread, wide);
}

int thread_start(struct thread *thread, const char *name, void (*run)(void *argument),
                 void *argument) {
  thread->run = run;
  thread->argument = argument;
  const uintptr_t handle = _beginthreadex(NULL, STACK_BYTES, enter, thread,
                                          STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
  if (handle == 0) return ENOMEM;
  thread->handle = (HANDLE)handle;
  thread->is_running = true;
  set_name(thread->handle, name);
  return 0;
}

void thread_end(struct thread *thread) {
  WaitForSingleObject(thread->handle, INFINITE);
  CloseHandle(thread->handle);
  thread->is_running = false;
}
