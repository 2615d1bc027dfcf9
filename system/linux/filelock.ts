import { closeSync, constants, openSync } from 'node:fs';
import { libc } from './libc.js';

const LOCK_EX_NB = 2 | 4;

/**
 * Locks a file, which is created if it does not exist, and returns the function that unlocks it;
 * undefined when another process or another caller has it. A lock by flock(2) ends with the process,
 * however that ends, so none can be left behind.
 */
export function tryLockFile(file: string): (() => void) | undefined {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  const fd = openSync(file, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    if (libc().flock(fd, LOCK_EX_NB) === 0) return () => closeSync(fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  return undefined;
}
