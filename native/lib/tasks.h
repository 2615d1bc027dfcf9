/* The threads of a device, each with what it works with. */
#ifndef WG_TS_TASKS_H
#define WG_TS_TASKS_H

#include "device.h"

/* For either direction, or both; `reads_tun` is false for what only sends. NULL without memory. */
struct task *task_new(struct worker *worker, bool has_inbound, bool reads_tun);
/* `task` or NULL. */
void task_free(struct task *task);

/* Adds one to those that `tasks_start` gives a thread. False without memory. */
bool tasks_add(struct wg_ts_device *device, struct worker *worker, bool has_inbound,
               bool reads_tun);

/* 0, or errno. */
int tasks_start(struct wg_ts_device *device);
void tasks_stop(struct wg_ts_device *device);

#endif
