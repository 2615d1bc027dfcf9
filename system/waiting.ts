import { setTimeout as sleep } from 'node:timers/promises';
import type { Millis } from '../protocol/dataplane.js';
import type { Clock } from './clock.js';

export interface PauseOptions {
  /** The clock to wait by; by default Node's timers. */
  readonly clock?: Pick<Clock, 'schedule'>;
  readonly signal?: AbortSignal;
}

/** Waits for `delay`. Rejects with the signal's reason as soon as it is aborted. */
export async function pause(delay: Millis, { clock, signal }: PauseOptions): Promise<void> {
  if (!clock)
    return await orAborted(sleep(delay, undefined, { ...(signal && { signal }) }), signal);
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const timer = clock.schedule(delay, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * Resolves or rejects as `work` does, or rejects with the signal's reason as soon as it is aborted. The work
 * itself continues: a name lookup by the system, for example, cannot be aborted.
 */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return await work;
  signal.throwIfAborted();
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
