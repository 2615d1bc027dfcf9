import { isMainThread } from 'node:worker_threads';
import { libc, type PollHandle } from './libc.js';

export interface Readiness {
  /** Idempotent. Call it before the descriptor is closed. */
  close(): void;
}

const handles = new Set<PollHandle>();

/**
 * For a process that ends while descriptors are watched. Node then runs its loop once more to close what is
 * left. For a readable descriptor koffi would call JavaScript at that point, which aborts the process.
 */
function closeAll(): void {
  for (const handle of handles) handle.close();
  handles.clear();
}

function hold(handle: PollHandle): void {
  if (handles.size === 0) process.on('exit', closeAll);
  handles.add(handle);
}

function letGo(handle: PollHandle): void {
  if (!handles.delete(handle)) return;
  handle.close();
  if (handles.size === 0) process.off('exit', closeAll);
}

/**
 * Calls `onReadable` once per turn of the event loop for as long as `fd` is readable or in error. What
 * it throws becomes an uncaught exception, and it is still called again. The watch does not keep the
 * process alive: a caller that needs that must hold a handle of its own.
 *
 * koffi's poll calls back outside of Node's callback scope: promises and ticks would wait for some
 * other event, and an exception would be lost. An immediate, which runs in the same turn, avoids both.
 *
 * For the main thread only: while a worker is being terminated, koffi would call JavaScript that no longer
 * exists, which ends the whole process. Use `readMessages` there.
 */
export function whileReadable(fd: number, onReadable: () => void): Readiness {
  if (!isMainThread) throw new Error('no descriptor is polled in a worker');
  let pending: NodeJS.Immediate | undefined;
  const run = (): void => {
    pending = undefined;
    onReadable();
  };
  const handle = libc().poll(fd, { readable: true }, () => {
    pending ??= setImmediate(run);
  });
  handle.unref();
  hold(handle);
  return {
    close(): void {
      letGo(handle);
      clearImmediate(pending);
    },
  };
}
