/* Threads, and what interrupts their sleep: of the system, in lib/linux and lib/windows. */
#ifndef WG_TS_THREADS_H
#define WG_TS_THREADS_H

#include "system.h"

/* 0, or errno. `name`, of at most 15 characters, is what debuggers show. */
int thread_start(struct thread *thread, const char *name, void (*run)(void *argument),
                 void *argument);
/* Waits for its end. */
void thread_end(struct thread *thread);

/* 0, or errno. */
int interrupt_open(struct interrupt *interrupt);
/* Ends the sleep of each thread, also of one that is about to begin. */
void interrupt_raise(struct interrupt *interrupt);
/* Lets threads sleep again. */
void interrupt_clear(struct interrupt *interrupt);
void interrupt_close(struct interrupt *interrupt);

#endif
