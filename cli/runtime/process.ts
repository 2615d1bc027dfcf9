import type { ProcessIdentity } from './platform.js';
import { runtimeSystem } from './system.js';

export type { ProcessIdentity } from './platform.js';

/** Throws when the start time of this process cannot be read. */
export function ownIdentity(): ProcessIdentity {
  const startTime = runtimeSystem().startTime(process.pid);
  if (startTime === undefined)
    throw new Error('the start time of this process cannot be read: is /proc mounted?');
  return { pid: process.pid, startTime };
}

/** Returns false also for a zombie. */
export function isAlive({ pid, startTime }: ProcessIdentity): boolean {
  return runtimeSystem().startTime(pid) === startTime;
}

/** Kills the process without a chance to clean up. Does nothing when it is gone. */
export function killProcess(target: ProcessIdentity): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
