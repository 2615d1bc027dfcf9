import { libc } from './libc.js';

export interface Readiness {
  /** Idempotent. Call it before the descriptor is closed. */
  close(): void;
}

/**
 * Calls `onReadable` once per turn of the event loop for as long as `fd` is readable or in error.
 *
 * koffi's poll calls back outside of Node's callback scope: promises and ticks would wait for some
 * other event, and an exception would be lost. An immediate, which runs in the same turn, has both.
 */
export function whileReadable(fd: number, onReadable: () => void): Readiness {
  let pending: NodeJS.Immediate | undefined;
  const run = (): void => {
    pending = undefined;
    onReadable();
  };
  const handle = libc().poll(fd, { readable: true }, () => {
    pending ??= setImmediate(run);
  });
  let open = true;
  return {
    close(): void {
      if (!open) return;
      open = false;
      handle.close();
      clearImmediate(pending);
    },
  };
}
