import { setTimeout as sleep } from 'node:timers/promises';

const PATIENCE_MS = 5000;
const TURN_MS = 10;

/** Throws when `isSo` has not come true in time, with what did not happen. */
export async function until(
  what: string,
  isSo: () => boolean,
  signal: AbortSignal,
  patienceMs: number = PATIENCE_MS,
): Promise<void> {
  const endsAt = performance.now() + patienceMs;
  while (!isSo()) {
    if (performance.now() > endsAt)
      throw new Error(`within ${patienceMs / 1000} s it did not happen that ${what}`);
    await sleep(TURN_MS, undefined, { signal });
  }
}
