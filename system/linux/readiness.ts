import { isMainThread } from 'node:worker_threads';
import { libc, type PollHandle } from './libc.js';

export interface Readiness {
  /** Idempotent. Call it before the descriptor is closed. */
  close(): void;
}

const handles = new Set<PollHandle>();

/**
 * The process ends while descriptors are watched: Node then runs its loop once more to close what is left,
 * and of one that is readable koffi would call JavaScript, which ends the process with an abort.
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
 * it throws is an uncaught exception, and it is called again. Nothing of it keeps the process alive:
 * whoever wants that holds a handle of his own.
 *
 * koffi's poll calls back outside of Node's callback scope: promises and ticks would wait for some
 * other event, and an exception would be lost. An immediate, which runs in the same turn, has both.
 *
 * For the main thread alone: while a worker is terminated koffi would call JavaScript where there is
 * none any more, which ends the whole process. `readMessages` is for there.
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
