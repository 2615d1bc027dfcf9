import { setTimeout as sleep } from 'node:timers/promises';

const PATIENCE_MS = 5000;
const TURN_MS = 10;

export interface Patience {
  readonly patienceMs?: number;
  /** Between two looks. */
  readonly turnMs?: number;
  readonly signal?: AbortSignal;
}

/** Looks again and again. Returns false when `isSo` has not become true in time. */
export async function becomesTrue(
  isSo: () => boolean | Promise<boolean>,
  { patienceMs = PATIENCE_MS, turnMs = TURN_MS, ...options }: Patience = {},
): Promise<boolean> {
  const endsAt = performance.now() + patienceMs;
  while (!(await isSo())) {
    if (performance.now() >= endsAt) return false;
    await sleep(turnMs, undefined, options);
  }
  return true;
}

/** Throws when `isSo` has not become true in time, with what did not happen. */
export async function until(what: string, isSo: () => boolean, signal: AbortSignal): Promise<void> {
  if (await becomesTrue(isSo, { signal })) return;
  throw new Error(`within ${PATIENCE_MS / 1000} s it did not happen that ${what}`);
}
