/*
 * Keeps Wintun's log messages until the event loop fetches them: a thread of the driver must not wait for
 * JavaScript, which may itself be waiting for that thread.
 */
#include <string.h>
#include <windows.h>

#include "../../wg_ts.h"

#define ENTRIES 64
#define CHARACTERS 256

struct wintun_log_entry {
  uint64_t timestamp;
  int32_t level;
  /* The number of messages before this one that found no room. */
  uint32_t lost;
  WCHAR text[CHARACTERS];
};

static SRWLOCK lock = SRWLOCK_INIT;
static struct wintun_log_entry entries[ENTRIES];
static uint32_t first;
static uint32_t count;
static uint32_t lost;

/* A WINTUN_LOGGER_CALLBACK. */
WG_TS_EXPORT void CALLBACK wg_ts_wintun_log(int level, uint64_t timestamp, const WCHAR *message) {
  AcquireSRWLockExclusive(&lock);
  if (count == ENTRIES) {
    lost++;
  } else {
    struct wintun_log_entry *entry = &entries[(first + count++) % ENTRIES];
    entry->timestamp = timestamp;
    entry->level = level;
    entry->lost = lost;
    lost = 0;
    const size_t length = wcsnlen(message, CHARACTERS - 1);
    memcpy(entry->text, message, length * sizeof *message);
    entry->text[length] = 0;
  }
  ReleaseSRWLockExclusive(&lock);
}

/* Returns 1 with the oldest message in `entry`, or 0 when there is none. */
WG_TS_EXPORT uint32_t wg_ts_take_wintun_log(struct wintun_log_entry *entry) {
  AcquireSRWLockExclusive(&lock);
  const uint32_t is_taken = count > 0;
  if (is_taken) {
    *entry = entries[first];
    first = (first + 1) % ENTRIES;
    count--;
  }
  ReleaseSRWLockExclusive(&lock);
  return is_taken;
}
