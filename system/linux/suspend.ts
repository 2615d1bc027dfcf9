import { closeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { libc } from './libc.js';
import { type Readiness, whileReadable } from './readiness.js';

const CLOCK_REALTIME = 0;
// asm-generic: x86-64, arm64, riscv64
const TFD_NONBLOCK = 0o4000;
const TFD_CLOEXEC = 0o2000000;
const TFD_TIMER_ABSTIME = 1;
const TFD_TIMER_CANCEL_ON_SET = 2;
/** Index in struct itimerspec: the interval comes before the time, each as seconds and nanoseconds. */
const ITIMERSPEC_SECONDS = 2;
const NEVER = 2n ** 40n;

/**
 * Calls `onJump` when the wall clock jumps relative to the time since boot without sleep, that is, when
 * the machine wakes up or its clock is set. Costs nothing meanwhile. Returns undefined where jumps cannot
 * be detected: on other systems than Linux, and in a worker.
 */
export function watchClockJumps(onJump: () => void): Readiness | undefined {
  if (process.platform !== 'linux' || !isMainThread) return undefined;
  const { timerfd_create, timerfd_settime, read } = libc();
  const fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0) return undefined;
  const when = new BigInt64Array(4);
  when[ITIMERSPEC_SECONDS] = NEVER;
  const flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
  if (timerfd_settime(fd, flags, new Uint8Array(when.buffer), null) !== 0) {
    closeSync(fd);
    return undefined;
  }
  const count = new Uint8Array(8);
  const readiness = whileReadable(fd, () => {
    // Fails with ECANCELED, which rearms the timer for the next jump.
    read(fd, count, count.length);
    onJump();
  });
  let isOpen = true;
  return {
    close(): void {
      if (!isOpen) return;
      isOpen = false;
      readiness.close();
      closeSync(fd);
    },
  };
}
