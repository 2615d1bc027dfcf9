#include "device.h"
#include "resolve.h"

typedef VOID(WINAPI *query_interrupt_time)(PULONGLONG time);

static query_interrupt_time find_interrupt_time(void) {
  query_interrupt_time found = NULL;
  const HMODULE module = GetModuleHandleW(L"kernelbase.dll");
  if (module) RESOLVE(found, module, "QueryInterruptTimePrecise");
  return found;
}

/* Both clocks include time asleep. So does GetTickCount64, but in steps of 16 ms. */
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
