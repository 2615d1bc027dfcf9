/* How a task waits for something to do: of the system, in lib/linux and lib/windows. */
#ifndef WG_TS_SLEEP_H
#define WG_TS_SLEEP_H

#include "device.h"

/*
 * Before its thread starts, for a system that has to know the sockets before a thread can wait for
 * them. 0, or errno, and then `task_unwatch_sockets` is still to be called.
 */
int task_watch_sockets(struct task *task);
/* After its thread has ended, or when that could not start. */
void task_unwatch_sockets(struct task *task);

/* Until something waits that the task serves, or it is interrupted, or a while is over. */
void task_sleep(struct task *task);

#endif
