/* How a task waits for work. Depends on the system: see lib/linux and lib/windows. */
#ifndef WG_TS_SLEEP_H
#define WG_TS_SLEEP_H

#include "device.h"

/*
 * To be called before the task's thread starts, for a system that must know the sockets before a thread
 * can wait for them. Returns 0 or errno; `task_unwatch_sockets` must be called even after a failure.
 */
int task_watch_sockets(struct task *task);
/* To be called after the task's thread has ended, or when it could not start. */
void task_unwatch_sockets(struct task *task);

/* Sleeps until there is work for the task, it is interrupted, or a time limit is over. */
void task_sleep(struct task *task);

#endif
