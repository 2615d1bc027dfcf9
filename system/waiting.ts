import { setTimeout as sleep } from 'node:timers/promises';
import type { Millis } from '../protocol/dataplane.js';
import type { Clock } from './clock.js';

export interface PauseOptions {
  /** By whose time; by default by timers of Node's. */
  readonly clock?: Pick<Clock, 'schedule'>;
  readonly signal?: AbortSignal;
}

/** Waits so long. Rejects with the signal's reason as soon as it is aborted. */
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
 * What `work` comes to, or the signal's reason as soon as it is aborted. The work goes on, left alone:
 * a lookup of the system's, for one, cannot be given up.
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
