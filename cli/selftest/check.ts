/** Defines checks, and runs a list of them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { UndoStack } from '../../src/undo.js';

export type Outcome =
  | { readonly state: 'ok'; readonly detail: string }
  /** `advice`: what to do, one line. */
  | { readonly state: 'failed' | 'skipped'; readonly detail: string; readonly advice?: string };

export interface Check {
  readonly name: string;
  /** Names of earlier checks that have to succeed for this one to make sense. */
  readonly needs?: readonly string[];
  /** Each change is pushed to `undo` before it is made, or undone by the check itself. */
  run(context: CheckContext): Promise<Outcome> | Outcome;
}

export interface CheckContext {
  /** Unwound, last first, when all checks have run, whether or not they succeeded. */
  readonly undo: UndoStack;
  /** Aborted when the check takes too long, or the selftest is interrupted. */
  readonly signal: AbortSignal;
}

export type Result = Outcome & { readonly name: string; readonly milliseconds: number };

export interface RunOptions {
  readonly skip?: readonly string[];
  readonly signal?: AbortSignal;
  readonly onResult?: (result: Result) => void;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 60_000;

export const ok = (detail: string): Outcome => ({ state: 'ok', detail });

export function failed(detail: string, advice?: string): Outcome {
  return { state: 'failed', detail, ...(advice !== undefined && { advice }) };
}

export function skipped(detail: string, advice?: string): Outcome {
  return { state: 'skipped', detail, ...(advice !== undefined && { advice }) };
}

/** Runs the checks one after the other, in order. Never rejects. */
export async function runChecks(
  checks: readonly Check[],
  options: RunOptions = {},
): Promise<Result[]> {
  const undo = new UndoStack();
  const results: Result[] = [];
  const add = (result: Result): void => {
    results.push(result);
    options.onResult?.(result);
  };
  for (const check of checks) {
    const startedAt = performance.now();
    const outcome = whyNot(check, results, options) ?? (await outcomeOf(check, undo, options));
    const milliseconds = Math.round(performance.now() - startedAt);
    add({ name: check.name, milliseconds, ...outcome });
  }
  await undo.unwind((step, error) =>
    add({ name: 'undo', milliseconds: 0, ...failed(`cannot undo ${step}: ${reasonOf(error)}`) }),
  );
  return results;
}

function whyNot(
  { name, needs = [] }: Check,
  results: readonly Result[],
  { skip = [], signal }: RunOptions,
): Outcome | undefined {
  if (signal?.aborted) return skipped('interrupted');
  if (skip.includes(name)) return skipped('as requested');
  const isOk = (need: string): boolean =>
    results.some((result) => result.name === need && result.state === 'ok');
  const missing = needs.find((need) => !isOk(need));
  return missing === undefined ? undefined : skipped(`needs ${missing}`);
}

async function outcomeOf(
  check: Check,
  undo: UndoStack,
  { signal: interrupt, timeoutMs = TIMEOUT_MS }: RunOptions,
): Promise<Outcome> {
  const end = new AbortController();
  const signal = AbortSignal.any([end.signal, ...(interrupt ? [interrupt] : [])]);
  try {
    return await Promise.race([check.run({ undo, signal }), noEnd(timeoutMs, signal)]);
  } catch (error) {
    if (interrupt?.aborted) return skipped('interrupted');
    return failed(reasonOf(error), hintOf(error));
  } finally {
    end.abort();
  }
}

async function noEnd(timeoutMs: number, signal: AbortSignal): Promise<Outcome> {
  await sleep(timeoutMs, undefined, { signal });
  return failed(`timed out after ${timeoutMs / 1000} s`);
}

/** Returns the message of an error as one line. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/\s*\n\s*/g, ' ').trim();
}

function hintOf(error: unknown): string | undefined {
  const hint = error instanceof Error && 'hint' in error ? error.hint : undefined;
  return typeof hint === 'string' ? hint : undefined;
}
