import { setTimeout as sleep } from 'node:timers/promises';
import type { createColors } from 'picocolors';
import { History, type WatchState } from './history.js';
import { readInterfaces, type WatchedName } from './reading.js';

export interface WatchOptions {
  /** One interface, which may come and go; absent: all interfaces. */
  readonly name?: string;
  readonly intervalSeconds: number;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/** Yields a state at once, and then one per interval until the signal. */
export async function* watchStates(options: WatchOptions): AsyncGenerator<WatchState> {
  const { intervalSeconds, signal } = options;
  const name: WatchedName = options.name;
  const history = new History();
  let due = performance.now();
  while (!signal.aborted) {
    yield history.add(await readInterfaces(name));
    // Intervals missed while the machine slept, or while a reading took long, are skipped.
    due = Math.max(due + intervalSeconds * 1000, performance.now());
    await pause(due - performance.now(), signal);
  }
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Draws on the terminal until q, Ctrl-C or the signal, and restores it. */
export async function watchOnScreen(
  { signal, ...options }: WatchOptions,
  colors: ReturnType<typeof createColors>,
): Promise<void> {
  const [{ Screen }, { drawWatch }] = await Promise.all([
    import('./screen.js'),
    import('./table.js'),
  ]);
  const quit = new AbortController();
  const { name, intervalSeconds } = options;
  let state: WatchState | undefined;
  const draw = (): void => {
    if (!state) return;
    const view = { state, intervalSeconds, ...(name !== undefined && { name }) };
    const { columns, rows } = screen.size;
    screen.draw(drawWatch(view, { columns, rows: rows - 1 }, colors));
  };
  const screen = new Screen({ onQuit: () => quit.abort(), onRedraw: draw });
  const end = AbortSignal.any([signal, quit.signal]);
  screen.open();
  try {
    for await (state of watchStates({ ...options, signal: end })) draw();
  } finally {
    screen.close();
  }
}
