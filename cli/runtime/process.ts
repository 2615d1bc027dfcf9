import type { ProcessIdentity } from './platform.js';
import { runtimeSystem } from './system.js';

export type { ProcessIdentity } from './platform.js';

/** Throws where the system does not tell. */
export function ownIdentity(): ProcessIdentity {
  const startTime = runtimeSystem().startTime(process.pid);
  if (startTime === undefined)
    throw new Error('the system does not tell of this process: is /proc mounted?');
  return { pid: process.pid, startTime };
}

/** False too for one that has ended and only waits for its parent to notice. */
export function isAlive({ pid, startTime }: ProcessIdentity): boolean {
  return runtimeSystem().startTime(pid) === startTime;
}

/** Without a chance to clean up. Does nothing when the process is gone. */
export function killProcess(target: ProcessIdentity): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
