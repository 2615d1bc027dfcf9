/* The threads of a device, each with its own state. */
#ifndef WG_TS_TASKS_H
#define WG_TS_TASKS_H

#include "device.h"

/*
 * Makes a task for one direction or both; `reads_tun` is false for a task that only sends. Returns NULL
 * when out of memory.
 */
struct task *task_new(struct worker *worker, bool has_inbound, bool reads_tun);
/* `task` may be NULL. */
void task_free(struct task *task);

/* Adds a task, for which `tasks_start` starts a thread. Returns false when out of memory. */
bool tasks_add(struct wg_ts_device *device, struct worker *worker, bool has_inbound,
               bool reads_tun);

/* Returns 0 or errno. */
int tasks_start(struct wg_ts_device *device);
void tasks_stop(struct wg_ts_device *device);

#endif
