import { setTimeout as sleep } from 'node:timers/promises';

const PATIENCE_MS = 5000;
const TURN_MS = 10;

export interface Patience {
  readonly patienceMs?: number;
  /** Time between two checks. */
  readonly turnMs?: number;
  readonly signal?: AbortSignal;
}

/** Polls `isSo`. Resolves to false when it has not become true in time. */
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

/** Polls `isSo`. Throws an error that contains `what` when it has not become true in time. */
export async function until(what: string, isSo: () => boolean, signal: AbortSignal): Promise<void> {
  if (await becomesTrue(isSo, { signal })) return;
  throw new Error(`timed out after ${PATIENCE_MS / 1000} s waiting until ${what}`);
}
