/* Threads, and interrupts of their sleep. Depends on the system: see lib/linux and lib/windows. */
#ifndef WG_TS_THREADS_H
#define WG_TS_THREADS_H

#include "system.h"

/* Returns 0 or errno. Debuggers show `name`, which has at most 15 characters. */
int thread_start(struct thread *thread, const char *name, void (*run)(void *argument),
                 void *argument);
/* Waits for the thread to end. */
void thread_end(struct thread *thread);

/* Returns 0 or errno. */
int interrupt_open(struct interrupt *interrupt);
/* Ends the sleep of all threads, even one that is about to begin. */
void interrupt_raise(struct interrupt *interrupt);
/* Lets threads sleep again. */
void interrupt_clear(struct interrupt *interrupt);
void interrupt_close(struct interrupt *interrupt);

#endif
