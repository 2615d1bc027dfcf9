/** Waiting for a state. Patient, since the machine may be busy; a state that never comes is an error. */
import { setTimeout as sleep } from 'node:timers/promises';
import { vi } from 'vitest';

const PATIENCE_MS = 30_000;

/** Repeats `check` until it throws nothing. Throws what it threw last. */
export function waitFor<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: PATIENCE_MS, interval: 5 });
}

/** Waits until `holds` returns true. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  await eventually(what, PATIENCE_MS, holds);
}

/** Repeats `probe` until it returns something other than undefined or false, and returns that. */
export async function eventually<T>(
  what: string,
  timeoutMs: number,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await sleep(10);
  }
}
